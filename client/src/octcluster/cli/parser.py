"""The parser of the command ``octcluster``, and the typed command that it makes of the arguments."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import fields
from importlib.metadata import version
from types import ModuleType

from octcluster.cli.arguments import (
    assign,
    completion,
    describe,
    doctor,
    embed,
    explore,
    phantoms,
    run,
    study,
)
from octcluster.cli.arguments.command import Command
from octcluster.cli.suggesting_parser import SuggestingParser

_DESCRIPTION = "Clusters unlabelled retinal OCT images by pathology, and shows how far to trust the clusters."
_FIRST_STEPS = """\
first steps:
  octcluster doctor                          is everything installed?
  octcluster phantoms scans                  draws images to try it with, into a new folder, if you have none
  octcluster describe scans --out described  what is in the folder
  octcluster run scans --out result          the clusters; then open result/report.html
  octcluster explore result                  look at them, name and correct them in the browser
  octcluster assign result more --out new    the cluster of each image in the folder 'more'
  octcluster study scans --out study         many ways of clustering side by side

'octcluster COMMAND --help' explains a command, with examples. Nothing leaves this machine unless --embedder
or --clusterer names another one. For research use only: not a medical device, and not for diagnosis.
"""
_COMMANDS: dict[type[Command], ModuleType] = {
    run.RunCommand: run,
    assign.AssignCommand: assign,
    explore.ExploreCommand: explore,
    study.StudyCommand: study,
    describe.DescribeCommand: describe,
    embed.EmbedCommand: embed,
    doctor.DoctorCommand: doctor,
    completion.CompletionCommand: completion,
    phantoms.PhantomsCommand: phantoms,
}
"""The commands in the order of the help, each with the module that has its arguments and its help."""


def parse_command(arguments: Sequence[str] | None = None) -> Command:
    """Parses the arguments of the command.

    Args:
        arguments: The arguments; None: those of this process.

    Returns:
        The command that was given, with its arguments as fields.

    Raises:
        SystemExit: The arguments cannot be parsed (code 2), or ask for help or the version (code 0).
    """
    given = vars(build_parser().parse_args(arguments))
    kind: type[Command] = given["kind"]
    return kind(**{field.name: given[field.name] for field in fields(kind) if field.name in given})


def build_parser() -> ArgumentParser:
    """Builds the parser of all commands."""
    parser = SuggestingParser(
        prog="octcluster",
        description=_DESCRIPTION,
        epilog=_FIRST_STEPS,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"octcluster {version('octcluster')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for kind, module in _COMMANDS.items():
        command = commands.add_parser(
            kind.name,
            help=module.SUMMARY,
            description=module.DESCRIPTION,
            epilog=module.EXAMPLES,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.add_arguments(command)
        command.usage = _shorten_usage(command)
        command.set_defaults(kind=kind)
    return parser


def _shorten_usage(command: ArgumentParser) -> str:
    """What must be given, in one line: the help below it lists the options, by what they are for."""
    needed = [action for action in command._actions if action.required]
    words = [
        *(action.metavar or "|".join(action.choices or ()) for action in needed if not action.option_strings),
        *(f"{action.option_strings[0]} {action.metavar}" for action in needed if action.option_strings),
    ]
    return " ".join(["%(prog)s", *map(str, words), "[options]"])
