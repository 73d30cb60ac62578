"""An argument parser that says what a mistyped word may have been meant to be."""

import re
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Sequence
from typing import Any, NoReturn

from octcluster.model.suggest import suggest

_INVALID_CHOICE = re.compile(r"invalid choice: '(?P<word>.*)' \(choose from (?P<choices>.*)\)")
_UNKNOWN = re.compile(r"unrecognized arguments: .*?(?P<word>--[\w-]+)")
_MISSING = "the following arguments are required"


class SuggestingParser(ArgumentParser):
    """Adds to errors on commands, options and choices the one that is like what was written."""

    _given: Sequence[str] = ()

    def parse_known_args(  # type: ignore[override]
        self, args: Any = None, namespace: Any = None
    ) -> tuple[Namespace, list[str]]:
        """Notes what was given, for errors; see ArgumentParser."""
        self._given = sys.argv[1:] if args is None else list(args)
        found: tuple[Namespace, list[str]] = super().parse_known_args(args, namespace)
        return found

    def error(self, message: str) -> NoReturn:
        """Ends with the message, what may have been meant, where help is, and exit code 2.

        Where nothing was given but commands are to choose from, the help takes the place of all this.
        """
        if not self._given and self._commands():
            self.exit(2, self.format_help())
        hint = ""
        if choice := _INVALID_CHOICE.search(message):
            hint = suggest(choice["word"], re.findall(r"[\w-]+", choice["choices"]))
        elif unknown := _UNKNOWN.search(message):
            hint = suggest(unknown["word"], self._options())
        elif message.startswith(_MISSING):
            hint = self._suggest_missing()
        command = next((name for name in self._commands() if name in self._given), None)
        program = self.prog if command is None else f"{self.prog} {command}"
        self.exit(2, f"{program}: {message}{hint}\nSee '{program} --help'.\n")

    def _suggest_missing(self) -> str:
        """What was written in place of an option that must be given, if anything looks like it."""
        known = self._options()
        words = [word.partition("=")[0] for word in self._given if word.startswith("--")]
        return next((hint for word in words if word not in known and (hint := suggest(word, known))), "")

    def _commands(self) -> dict[str, ArgumentParser]:
        """The commands by name; none for the parser of a command."""
        found: dict[str, ArgumentParser] = {}
        for action in self._actions:
            if isinstance(action, _SubParsersAction):
                found.update(action.choices)
        return found

    def _options(self) -> list[str]:
        """The options of the command that was given, and one's own."""
        parsers = [self, *(parser for name, parser in self._commands().items() if name in self._given)]
        return [option for parser in parsers for option in parser._option_string_actions]
