"""Finds the command that the arguments name, and runs it."""

import sys
from collections.abc import Sequence
from importlib import import_module

from octcluster.model.suggest import suggest
from octcluster_serving.starting import kept_imports

from octcluster_gateway.errors import GatewayError

# The words of each command, the module whose function `run` does it, and what it is for. A module is imported
# when its command is called.
COMMANDS = {
    ("serve",): ("serve", "Receive objects, and put each eye into the clusters of a run"),
    ("status",): ("status", "Tell how many objects the spool holds, and in which state"),
    ("pull",): ("pull", "Ask an archive once for new scans, also while the gateway serves"),
    ("results", "parquet"): ("results_parquet", "Write the results so far as a table"),
    ("audit", "verify"): ("audit_verify", "Check that no line of the audit log was changed"),
    ("audit", "rotate"): ("audit_rotate", "Move the audit log away, and go on in a new one"),
    ("rekey",): ("rekey", "Seal the map of identities with another key"),
    ("reidentify",): ("reidentify", "Tell who is behind a pseudonym"),
    ("erase",): ("erase", "Remove all of a patient, vectors in the cache as well"),
    ("quarantine", "list"): ("quarantine_list", "List the objects that could not be processed"),
    ("quarantine", "show"): ("quarantine_show", "Tell what is known of an object"),
    ("quarantine", "retry"): ("quarantine_retry", "Process objects of the quarantine once more"),
}
_LONGEST = 2
_ASKS = ("-h", "--help")
_HELP = """usage: octcluster-gateway COMMAND [OPTION]...

Takes OCT scans by DICOM, and puts each eye into the clusters of a finished run. For research use only.

{commands}

'octcluster-gateway COMMAND --help' lists the options of a command."""


def run_command(arguments: Sequence[str]) -> int:
    """Runs a command.

    Args:
        arguments: The command line without the program.

    Returns:
        The exit code: 0 done, 1 it could not be done, 2 usage.
    """
    for count in range(_LONGEST, 0, -1):
        found = COMMANDS.get(tuple(arguments[:count]))
        if found is not None:
            with kept_imports():
                command = import_module(f"octcluster_gateway.cli.{found[0]}")
            try:
                return int(command.run(list(arguments[count:])))
            except GatewayError as error:
                print(f"octcluster-gateway: {error}", file=sys.stderr)
                return error.exit_code
    first, *others = [*arguments[:_LONGEST], ""]
    group = [" ".join(words) for words in COMMANDS if words[0] == first]
    asked = first in _ASKS or (bool(group) and others[0] in _ASKS)
    if asked or not first or (group and not others[0]):
        names = group or [" ".join(words) for words in COMMANDS]
        print(_describe(names), file=sys.stdout if asked else sys.stderr)
    else:
        name, choices = (
            (f"{first} {others[0]}", group) if group else (first, [words[0] for words in COMMANDS])
        )
        print(f"octcluster-gateway: there is no command {name!r}{suggest(name, choices)}", file=sys.stderr)
        print("See 'octcluster-gateway --help'.", file=sys.stderr)
    return 0 if asked else 2


def _describe(names: Sequence[str]) -> str:
    """The help for commands, by their names."""
    texts = {" ".join(words): text for words, (_, text) in COMMANDS.items()}
    return _HELP.format(commands="\n".join(f"  {name:<18} {texts[name]}" for name in names))
