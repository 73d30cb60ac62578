"""The arguments of ``octcluster completion``, and its help."""

from argparse import ArgumentParser
from dataclasses import dataclass

from octcluster.cli.arguments.command import Command, add_debug

SUMMARY = "print a script that lets a shell complete commands and options"
DESCRIPTION = """\
Prints a script that lets a shell complete commands and options with the Tab key.
"""
EXAMPLES = """\
examples:
  source <(octcluster completion bash)     for this shell; in ~/.bashrc for all to come
  octcluster completion zsh > ~/.zfunc/_octcluster     for zsh, with ~/.zfunc in its fpath
"""


@dataclass(frozen=True, kw_only=True)
class CompletionCommand(Command):
    """``octcluster completion``.

    Attributes:
        shell: For which shell.
    """

    name = "completion"

    shell: str


def add_arguments(parser: ArgumentParser) -> None:
    """Adds all arguments of the command."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="for which shell")
    add_debug(parser)
