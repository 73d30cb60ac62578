"""The arguments of ``octcluster describe``, and its help."""

from argparse import ArgumentParser
from dataclasses import dataclass

from octcluster.cli.arguments.command import ImagesCommand, add_images, add_labels, add_output_options
from octcluster.cli.values import parse_positive, parse_seed

SUMMARY = "look at a folder of images: numbers, sizes, formats, patients and duplicates"
DESCRIPTION = """\
Looks at the images of a folder before anything is learned from them, without a service, and writes into DIR:

  describe.html   tables and plots to look at; opens offline, names no image; shows class names as given
  describe.json   the same for programs: images and patients by split and class, spread of width and height,
                  formats, patients and duplicates
  images.csv      one row an image: image,split,label,patient,format,width,height,channels,bits,file_bytes
  patients.csv    one row a patient, with its classes and splits; if patients are known
  duplicates.csv  pairs of images that have equal files (copy) or look the same (alike); if there are any
  failures.csv    the images that cannot be used, and why; if there are any
  warnings.csv    images with a fault in their pixels, and the cure; if there are any

Splits are folders called train, val, test, fold 1 or alike. To find images that look the same and damaged
pixels, all images are decoded, at a reduced size; with --headers-only they are not, which is several times
faster.
"""
EXAMPLES = """\
examples:
  octcluster describe OCT2017 --out described                    train/CNV/CNV-1016042-1.jpeg, ...
  octcluster describe scans --out described --headers-only       quick: reads a few kilobytes of each file
  octcluster describe scans --out described --labels table.csv   classes of a table image,label[,patient]

exit codes: 0 done (unusable images are reported), 1 failed, or --strict and an image is unusable, 2 wrong
usage. For research use only: not a medical device, and not for diagnosis.
"""


@dataclass(frozen=True, kw_only=True)
class DescribeCommand(ImagesCommand):
    """``octcluster describe``.

    Attributes:
        headers_only: Whether to decode no image.
        samples: Number of images of each class that the page shows.
        seed: Seed of that choice.
        thumbnails: Whether the page shows these images.
        identified: Whether the page names images and patients.
    """

    name = "describe"

    headers_only: bool
    samples: int
    seed: int
    thumbnails: bool
    identified: bool


def add_arguments(parser: ArgumentParser) -> None:
    """Adds all arguments of the command."""
    add_images(parser)
    add = parser.add_argument
    add(
        "--headers-only",
        action="store_true",
        help="decode no image: find no images that only look the same, and no damaged pixels",
    )
    add(
        "--samples",
        metavar="N",
        type=parse_positive,
        default=6,
        help="show N random images of each class (default: %(default)s)",
    )
    add("--seed", type=parse_seed, default=0, help="seed of that choice (default: %(default)s)")
    add(
        "--thumbnails",
        action="store_true",
        help="show these images in the page, which is patients' data then (default: pseudonyms)",
    )
    add(
        "--identified",
        action="store_true",
        help="let the page name images and patients (default: pseudonyms such as image 17)",
    )
    add_labels(parser)
    add_output_options(parser)
