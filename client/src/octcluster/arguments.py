"""The arguments of the command ``octcluster``, and its help."""

import re
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from octcluster.runs import ALGORITHMS, FEATURES

MODELS = (
    "efficientnet-lite0",
    *(f"efficientnet-b{number}" for number in range(8)),
    "vgg16",
    "resnet50",
    "inception-v3",
)
MAX_SEED = 2**32 - 1

_RUN_DESCRIPTION = """\
Groups the OCT images of a folder and writes into DIR:

  assignments.csv  the cluster of each image: image,cluster,label,patient,silhouette
  scores.json      how good each clustering is, with the table of classes and clusters
  report.html      plots and tables to look at; opens offline, names no image; shows class names as given
  run.json         what is needed to repeat the run
  failures.csv     the images that could not be used, and why; only if there are any

Without --embedder and --clusterer the services are started for this run and stopped after it.
"""
_RUN_EXAMPLES = """\
examples:
  octcluster run scans --out result                      4 clusters, by K-means
  octcluster run scans --out result -k 2:10              try 2 to 10 clusters, choose the best silhouette
  octcluster run scans --out result --algorithm kmeans,hdbscan --pca 0.95
  octcluster run scans --out result --labels table.csv   compare with classes of a table image,label[,patient]
  octcluster run scans --out result --embedder gpu-box:50051 --clusterer gpu-box:50052

exit codes: 0 done (images that failed are reported), 1 the run failed, or --strict and an image failed,
2 wrong usage. For research use only: not a medical device, and not for diagnosis.
"""


def build_parser() -> ArgumentParser:
    """Builds the parser; its result has ``command`` and, by command, the options named below."""
    parser = ArgumentParser(
        prog="octcluster",
        description="Groups unlabelled retinal OCT images by pathology.",
        epilog="'octcluster run --help' explains the main job.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"octcluster {version('octcluster')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_phantoms(commands)
    return parser


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run",
        help="group a folder of images; leaves clusters, scores and a report",
        description=_RUN_DESCRIPTION,
        epilog=_RUN_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = run.add_argument
    add("images", metavar="IMAGES", type=Path, help="folder of images, or text file with one path a line")
    add("--out", metavar="DIR", type=Path, required=True, help="folder for the outputs; made if need be")
    _add_method(run)
    _add_labels(run)
    _add_services(run)
    add(
        "--strict",
        action="store_true",
        help="exit with 1 if an image failed (default: report it, exit with 0)",
    )
    add("--quiet", action="store_true", help="print errors only (default: progress and a summary)")
    _add_debug(run)


def _add_method(run: ArgumentParser) -> None:
    method = run.add_argument_group("how images are grouped")
    add = method.add_argument
    names = ", ".join(MODELS).replace(", ".join(MODELS[1:9]), "efficientnet-b0 to -b7")
    add(
        "--model",
        default=MODELS[0],
        help=f"network: {names}, or another that the embedder has (default: %(default)s)",
    )
    add(
        "--features",
        default=FEATURES[0],
        choices=FEATURES,
        help="what is read from the network: pooled, the mean of its last map, or flatten, the whole map "
        "(default: %(default)s)",
    )
    add(
        "--algorithm",
        metavar="NAME[,NAME...]",
        type=parse_algorithms,
        default=("kmeans",),
        help=f"one or more of {', '.join(ALGORITHMS)} (default: kmeans)",
    )
    add(
        "-k",
        metavar="K|MIN:MAX",
        type=parse_clusters,
        default=(4, 4),
        help="number of clusters, or a range to choose from; hdbscan finds its own number (default: 4)",
    )
    pca = method.add_mutually_exclusive_group()
    pca.add_argument(
        "--pca",
        metavar="SHARE|COUNT",
        type=parse_pca,
        help="reduce the features first: to a share of their variance with a dot (0.95), or to a count of "
        "components (64)",
    )
    pca.add_argument(
        "--no-pca", dest="pca", action="store_const", const=None, help="do not reduce the features (default)"
    )
    add("--seed", type=parse_seed, default=0, help="seed of every random choice (default: %(default)s)")


def _add_labels(run: ArgumentParser) -> None:
    add = run.add_argument_group(
        "known classes, to compare with; they never change the clusters"
    ).add_argument
    add(
        "--labels",
        metavar="auto|folder|filename|none|FILE.csv",
        default="auto",
        help="folder: name of the last folder; filename: first part of <disease>-<patient>-<number>; "
        "FILE.csv: a table with the columns image,label[,patient]; auto: folder if images lie in 2 to "
        "50 of them that do not look like one patient each (their file names say so, or half of them have "
        "less than 5 images), else filename if nearly all names have the form, else none (default: "
        "%(default)s)",
    )
    add(
        "--per-class",
        metavar="N",
        type=parse_positive,
        help="take N random images of each class (default: all images)",
    )


def _add_services(run: ArgumentParser) -> None:
    add = run.add_argument_group("services").add_argument
    add("--embedder", metavar="HOST:PORT", help="embedder to use (default: start one)")
    add("--clusterer", metavar="HOST:PORT", help="clusterer to use (default: start one)")
    add(
        "--cache-dir",
        metavar="DIR",
        type=Path,
        help="where services that this run starts keep vectors and models (default: octcluster in the "
        "user's cache folder)",
    )
    add(
        "--weights",
        metavar="FILE",
        type=Path,
        help="weights for the model, for an embedder that this run starts (default: the model's own)",
    )
    add(
        "--weights-sha256",
        metavar="DIGEST",
        type=parse_digest,
        help="SHA-256 that the weights must have (default: the one known for the model)",
    )


def _add_phantoms(commands: Any) -> None:
    phantoms = commands.add_parser(
        "phantoms",
        help="make OCT-like images in four classes, to try octcluster without data",
        description="Makes OCT-like images in the folders CNV, DME, DRUSEN and NORMAL. No patient was ever "
        "in them.",
        allow_abbrev=False,
    )
    add = phantoms.add_argument
    add("folder", metavar="DIR", type=Path, help="folder for the images; made if need be")
    add(
        "--images-per-class",
        metavar="N",
        type=parse_positive,
        default=24,
        help="images of each class (default: %(default)s)",
    )
    add("--seed", type=parse_seed, default=0, help="seed of every random choice (default: %(default)s)")
    _add_debug(phantoms)


def _add_debug(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--debug", action="store_true", help="show where an error came from (or OCTCLUSTER_DEBUG=1)"
    )


def parse_clusters(text: str) -> tuple[int, int]:
    """Reads ``4`` or ``2:10`` as smallest and largest number of clusters."""
    match = re.fullmatch(r"(\d+)(?::(\d+))?", text)
    if match is None:
        raise ArgumentTypeError(f"'{text}' is no number of clusters: write 4, or 2:10 for a range")
    smallest = int(match[1])
    largest = int(match[2] or smallest)
    if not 2 <= smallest <= largest:
        raise ArgumentTypeError(f"'{text}' does not do: the least is 2, and a range goes upwards, as in 2:10")
    return smallest, largest


def parse_pca(text: str) -> float | int:
    """Reads a share of the variance, which has a dot, or a count of components."""
    cure = "write a share of the variance above 0 and at most 1 with a dot (0.95), or a count (64)"
    if re.fullmatch(r"\d+", text) and int(text) >= 1:
        return int(text)
    if re.fullmatch(r"\d*\.\d+|\d+\.", text) and 0 < float(text) <= 1:
        return float(text)
    raise ArgumentTypeError(f"'{text}' does not do: {cure}")


def parse_algorithms(text: str) -> tuple[str, ...]:
    """Reads names of algorithms with commas between; a name that comes twice counts once."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in ALGORITHMS:
            raise ArgumentTypeError(
                f"'{name}' is no algorithm: take {', '.join(ALGORITHMS)}, with commas between"
            )
    return names


def parse_seed(text: str) -> int:
    """Reads a seed."""
    if not text.isdecimal() or int(text) > MAX_SEED:
        raise ArgumentTypeError(f"'{text}' is no seed: write a whole number from 0 to {MAX_SEED}")
    return int(text)


def parse_positive(text: str) -> int:
    """Reads a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"'{text}' does not do: write a whole number from 1")
    return int(text)


def parse_digest(text: str) -> str:
    """Reads a SHA-256 as 64 hexadecimal digits."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ArgumentTypeError(f"'{text}' is no SHA-256: write its 64 hexadecimal digits")
    return text.lower()
