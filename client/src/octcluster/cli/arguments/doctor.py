"""The arguments of ``octcluster doctor``, and its help."""

from argparse import ArgumentParser
from dataclasses import dataclass

from octcluster.cli.arguments.command import add_debug
from octcluster.cli.arguments.services import ServicesCommand, add_services
from octcluster.model.runs import MODELS

SUMMARY = "check whether everything is installed and the services answer; a cure for each fault"
DESCRIPTION = """\
Checks what is installed, starts the services or asks those that are named, and prints a line for each check:
ok, note or fault, and the cure of each fault. It tells which runtime computes and
why, the digest of each model's weights, and whether the versions match.
"""
EXAMPLES = """\
examples:
  octcluster doctor                                    this machine
  octcluster doctor --model vgg16                      are the weights of another model on this machine?
  octcluster doctor --embedder gpu-box:50051 --clusterer gpu-box:50052

exit codes: 0 all is well, 1 something is wrong, 2 wrong usage.
"""


@dataclass(frozen=True, kw_only=True)
class DoctorCommand(ServicesCommand):
    """``octcluster doctor``.

    Attributes:
        model: Name of the model to look at.
    """

    name = "doctor"

    model: str


def add_arguments(parser: ArgumentParser) -> None:
    """Adds all arguments of the command."""
    parser.add_argument("--model", default=MODELS[0], help="model to look at (default: %(default)s)")
    add_services(parser, "start one")
    add_debug(parser)
