"""The arguments of ``octcluster study``, and its help."""

from argparse import ArgumentParser, BooleanOptionalAction
from dataclasses import dataclass
from pathlib import Path

from octcluster.cli.arguments.command import (
    ImagesCommand,
    add_images,
    add_labels,
    add_output_options,
    add_per_class,
)
from octcluster.cli.arguments.services import ServicesCommand, add_services
from octcluster.cli.values import parse_seed

SUMMARY = "compare features, preparations, algorithms and numbers of clusters in one table"
DESCRIPTION = """\
Fills a matrix of features x preparation x algorithm x number of clusters, and writes into DIR:

  report.html   tables and plots to look at; opens offline, names no image; shows class names as given
  study.csv     one row a cell, with all scores, beside figures that others published
  study.json    the same, with tables of classes and clusters, variance held, costs by stage, versions
  study.toml    the matrix; copy and change it for --matrix
  failures.csv  the images that could not be used, and why; if there are any
  warnings.csv  images with a fault in their pixels, and the cure; if there are any

Images are embedded once for each kind of features, and all that is done with the same features and
preparation is one run, which the clusterer keeps. After an interruption start it again: it repeats nothing
that was done.
A cell whose model has no weights on this machine is skipped, and the table says where to get them.
"""
EXAMPLES = """\
examples:
  octcluster study scans --out study                        the built-in matrix
  octcluster study scans --out study --per-class 100        first on a few images
  octcluster study scans --out other --matrix my.toml

exit codes: 0 done (what was skipped is reported), 1 failed, or --strict and an image or a cell failed, 2
wrong usage. For research use only: not a medical device, and not for diagnosis.
"""


@dataclass(frozen=True, kw_only=True)
class StudyCommand(ServicesCommand, ImagesCommand):
    """``octcluster study``.

    Attributes:
        matrix: File that declares what to compare; None: the built-in one.
        seed: Seed of every random choice.
        per_class: Take so many random images of each class; None: all.
        published: Whether published figures stand beside ours; None: where they are of these images, or of a
            matrix of the user's own.
    """

    name = "study"

    matrix: Path | None
    seed: int
    per_class: int | None
    published: bool | None


def add_arguments(parser: ArgumentParser) -> None:
    """Adds all arguments of the command."""
    add_images(parser)
    add = parser.add_argument
    add(
        "--matrix",
        metavar="FILE.toml",
        type=Path,
        help="what to compare (default: the original study of OCT2017, what it only named, and the default "
        "recipe)",
    )
    add(
        "--published",
        action=BooleanOptionalAction,
        help="set published figures beside ours (default: those of the built-in matrix if the images seem to "
        "be of OCT2017, by their names; those of your own matrix always)",
    )
    add("--seed", type=parse_seed, default=0, help="seed of every random choice (default: %(default)s)")
    add_per_class(add_labels(parser))
    add_services(parser, "start one", weights=False)
    add_output_options(parser)
