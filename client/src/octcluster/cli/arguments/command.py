"""What the commands have in common: the base of their typed objects, and the arguments of several."""

from argparse import ArgumentParser
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from octcluster.cli.values import parse_positive, parse_scans
from octcluster.images.scan_choice import ALL


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command with its arguments, as they were given; each kind has the fields of its own arguments.

    Attributes:
        name: Name of the command.
        debug: Whether to show where an error came from.
    """

    name: ClassVar[str]

    debug: bool = False

    def record(self) -> dict[str, object]:
        """The arguments as JSON values, for the record that a command leaves."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"command": self.name} | {
            name: str(value) if isinstance(value, Path) else value for name, value in given.items()
        }


@dataclass(frozen=True, kw_only=True)
class ImagesCommand(Command):
    """A command that reads images and leaves files.

    Attributes:
        images: Folder of images, or list of paths.
        labels: Where known classes come from.
        scans: Which B-scans of each volume are taken; see ``scan_choice.choose_scans``.
        out: Folder for the outputs.
        overwrite: Whether an earlier result of other images or options there is replaced.
        strict: Whether an image that failed makes the command fail.
        quiet: Whether to print errors only.
    """

    images: Path
    labels: str
    scans: str | int
    out: Path
    overwrite: bool
    strict: bool
    quiet: bool


def add_debug(parser: ArgumentParser) -> None:
    """Adds the argument of all commands."""
    parser.add_argument(
        "--debug", action="store_true", help="show where an error came from (or OCTCLUSTER_DEBUG=1)"
    )


def add_images(parser: ArgumentParser) -> None:
    """Adds the images and the folder for the outputs."""
    add_scans(parser)
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        required=True,
        help="folder for the outputs, made if need be, outside of IMAGES; each command needs its own. The "
        "same command on the same images replaces its earlier output",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the command's earlier output in DIR also where that is of other images or options",
    )


def add_scans(parser: ArgumentParser) -> None:
    """Adds the images, and which scans of volumes are taken."""
    add = parser.add_argument
    add(
        "images",
        metavar="IMAGES",
        type=Path,
        help="folder of images, text file with one path a line, or volume",
    )
    add(
        "--scans",
        metavar="all|middle|N",
        type=parse_scans,
        default=ALL,
        help="which B-scans of each volume to take: all, the middle one, or N spread evenly about the "
        "middle; plain images are taken in any case (default: %(default)s)",
    )


def add_labels(parser: ArgumentParser) -> Any:
    """Adds where known classes come from; returns the group of these arguments."""
    labels = parser.add_argument_group("known classes, to compare with; they never change the clusters")
    labels.add_argument(
        "--labels",
        metavar="auto|folder|folder:N|filename|none|FILE.csv",
        default="auto",
        help="folder: the folders whose names are findings, such as CNV or healthy, at any depth; folder:2: "
        "the folders two levels below IMAGES, whatever their names; filename: first part of "
        "<disease>-<patient>-<number>; FILE.csv: a table whose first row is image,label,patient (or without "
        "label, or without patient; their cells may be empty), image being the path below IMAGES or the file "
        "name; auto: folder if at least two folders of one level have names of findings, else filename if "
        "nearly all file names begin with one, else none. docs/folders.md says what is understood "
        "(default: %(default)s)",
    )
    return labels


def add_per_class(labels: Any) -> None:
    """Adds how many images of each class are taken."""
    labels.add_argument(
        "--per-class",
        metavar="N",
        type=parse_positive,
        help="take N random images of each class (default: all images)",
    )


def add_output_options(parser: ArgumentParser) -> None:
    """Adds what is printed, and what counts as a failure."""
    add = parser.add_argument
    add(
        "--strict",
        action="store_true",
        help="exit with 1 if an image failed (default: report it, exit with 0)",
    )
    add("--quiet", action="store_true", help="print errors only (default: progress and a summary)")
    add_debug(parser)
