"""The arguments of ``octcluster phantoms``, and its help."""

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from octcluster.cli.arguments.command import Command, add_debug
from octcluster.cli.values import parse_positive, parse_seed

SUMMARY = "make OCT-like images in four classes, to try octcluster without data"
DESCRIPTION = """\
Makes drawings that look like OCT images, in the folders CNV, DME, DRUSEN and NORMAL of DIR. No patient was
ever in them, and what is measured on them says nothing of real images.
"""
EXAMPLES = """\
example:
  octcluster phantoms scans && octcluster run scans --out result
"""


@dataclass(frozen=True, kw_only=True)
class PhantomsCommand(Command):
    """``octcluster phantoms``.

    Attributes:
        folder: Folder for the images.
        images_per_class: Number of images of each class.
        seed: Seed of every random choice.
    """

    name = "phantoms"

    folder: Path
    images_per_class: int
    seed: int


def add_arguments(parser: ArgumentParser) -> None:
    """Adds all arguments of the command."""
    add = parser.add_argument
    add("folder", metavar="DIR", type=Path, help="folder for the images; made if need be")
    add(
        "--images-per-class",
        metavar="N",
        type=parse_positive,
        default=24,
        help="images of each class (default: %(default)s)",
    )
    add("--seed", type=parse_seed, default=0, help="seed of every random choice (default: %(default)s)")
    add_debug(parser)
