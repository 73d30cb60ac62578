"""The arguments of the command ``octcluster``, and its help."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from octcluster.cli.arguments import assign as assign_arguments
from octcluster.cli.arguments import describe as description_arguments
from octcluster.cli.arguments import run as run_arguments
from octcluster.cli.arguments import study as study_arguments
from octcluster.cli.arguments.services import add_services
from octcluster.cli.suggesting_parser import SuggestingParser
from octcluster.cli.values import parse_positive, parse_seed
from octcluster.model.runs import MODELS

_DESCRIPTION = "Groups unlabelled retinal OCT images by pathology, and tells how far to trust the groups."
_FIRST_STEPS = """\
first steps:
  octcluster doctor                          is everything there?
  octcluster phantoms scans                  images to try it with, if you have none at hand
  octcluster describe scans --out described  what is in the folder
  octcluster run scans --out result          the groups; then open result/report.html
  octcluster assign result more --out new    which group each image of the folder 'more' belongs to
  octcluster study scans --out study         many ways of grouping side by side

'octcluster COMMAND --help' explains a command, with examples. Nothing leaves this machine unless --embedder
or --clusterer names another one. For research use only: not a medical device, and not for diagnosis.
"""
_DOCTOR_DESCRIPTION = """\
Looks at what is installed, starts the services or asks those that are named, and prints a line for each
thing that it looked at: ok, note or fault, and the cure of each fault. It tells which runtime computes and
why, the digest of each model's weights, and whether the versions match.
"""
_DOCTOR_EXAMPLES = """\
examples:
  octcluster doctor                                    this machine
  octcluster doctor --model vgg16                      are the weights of another model at hand?
  octcluster doctor --embedder gpu-box:50051 --clusterer gpu-box:50052

exit codes: 0 all is well, 1 something is wrong, 2 wrong usage.
"""
_COMPLETION_DESCRIPTION = """\
Prints a script that lets a shell complete commands and options with the Tab key.
"""
_COMPLETION_EXAMPLES = """\
examples:
  source <(octcluster completion bash)     for this shell; in ~/.bashrc for all to come
  octcluster completion zsh > ~/.zfunc/_octcluster     for zsh, with ~/.zfunc in its fpath
"""
_PHANTOMS_DESCRIPTION = """\
Makes drawings that look like OCT images, in the folders CNV, DME, DRUSEN and NORMAL of DIR. No patient was
ever in them, and what is measured on them says nothing of real images.
"""
_PHANTOMS_EXAMPLES = """\
example:
  octcluster phantoms scans && octcluster run scans --out result
"""


def build_parser() -> ArgumentParser:
    """Builds the parser; its result has ``command`` and, by command, the options named below."""
    parser = SuggestingParser(
        prog="octcluster",
        description=_DESCRIPTION,
        epilog=_FIRST_STEPS,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"octcluster {version('octcluster')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_assign(commands)
    _add_study(commands)
    _add_describe(commands)
    _add_doctor(commands)
    _add_completion(commands)
    _add_phantoms(commands)
    return parser


def _add_command(commands: Any, name: str, summary: str, texts: tuple[str, str]) -> ArgumentParser:
    """Adds a command, with a description and examples."""
    description, examples = texts
    parser: ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=examples,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return parser


def _add_run(commands: Any) -> None:
    texts = (run_arguments.DESCRIPTION, run_arguments.EXAMPLES)
    run = _add_command(
        commands, "run", "group a folder of images; leaves clusters, scores and a report", texts
    )
    _add_images(run)
    run_arguments.add_method(run)
    _add_per_class(_add_labels(run))
    add_services(run, "start one")
    _add_manners(run)


def _add_assign(commands: Any) -> None:
    texts = (assign_arguments.DESCRIPTION, assign_arguments.EXAMPLES)
    assign = _add_command(commands, "assign", "put new images into the clusters of a finished run", texts)
    assign_arguments.add_finished_run(assign)
    _add_images(assign)
    _add_labels(assign)
    cache = "that of RUN if it is a folder, else octcluster in the user's cache folder"
    add_services(assign, "that of RUN, or start one", cache=cache)
    assign_arguments.add_model(assign)
    _add_manners(assign)


def _add_study(commands: Any) -> None:
    summary = "compare features, preparations, algorithms and numbers of clusters in one table"
    texts = (study_arguments.DESCRIPTION, study_arguments.EXAMPLES)
    study = _add_command(commands, "study", summary, texts)
    _add_images(study)
    study_arguments.add_matrix(study)
    _add_per_class(_add_labels(study))
    add_services(study, "start one", weights=False)
    _add_manners(study)


def _add_describe(commands: Any) -> None:
    summary = "look at a folder of images: numbers, sizes, formats, patients and images that come twice"
    texts = (description_arguments.DESCRIPTION, description_arguments.EXAMPLES)
    describe = _add_command(commands, "describe", summary, texts)
    _add_images(describe)
    description_arguments.add_looks(describe)
    _add_labels(describe)
    _add_manners(describe)


def _add_doctor(commands: Any) -> None:
    summary = "look whether everything is installed and the services answer; a cure for each fault"
    doctor = _add_command(commands, "doctor", summary, (_DOCTOR_DESCRIPTION, _DOCTOR_EXAMPLES))
    doctor.add_argument("--model", default=MODELS[0], help="model to look at (default: %(default)s)")
    add_services(doctor, "start one")
    _add_debug(doctor)


def _add_completion(commands: Any) -> None:
    summary = "print a script that lets a shell complete commands and options"
    completion = _add_command(
        commands, "completion", summary, (_COMPLETION_DESCRIPTION, _COMPLETION_EXAMPLES)
    )
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="for which shell")
    _add_debug(completion)


def _add_phantoms(commands: Any) -> None:
    summary = "make OCT-like images in four classes, to try octcluster without data"
    phantoms = _add_command(commands, "phantoms", summary, (_PHANTOMS_DESCRIPTION, _PHANTOMS_EXAMPLES))
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


def _add_images(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("images", metavar="IMAGES", type=Path, help="folder of images, or text file with one path a line")
    add(
        "--out",
        metavar="DIR",
        type=Path,
        required=True,
        help="folder for the outputs, made if need be; each command wants one of its own",
    )


def _add_manners(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--strict",
        action="store_true",
        help="exit with 1 if an image failed (default: report it, exit with 0)",
    )
    add("--quiet", action="store_true", help="print errors only (default: progress and a summary)")
    _add_debug(parser)


def _add_labels(parser: ArgumentParser) -> Any:
    labels = parser.add_argument_group("known classes, to compare with; they never change the clusters")
    labels.add_argument(
        "--labels",
        metavar="auto|folder|filename|none|FILE.csv",
        default="auto",
        help="folder: name of the last folder; filename: first part of <disease>-<patient>-<number>; "
        "FILE.csv: a table whose first row is image,label,patient (or without label, or without patient; "
        "their cells may be empty), image being the path below IMAGES or the file name; auto: folder if "
        "images lie in 2 to 50 of them that do not look like one patient each (their file names say so, or "
        "half of them have less than 5 images), else filename if nearly all names have the form, else none "
        "(default: %(default)s)",
    )
    return labels


def _add_per_class(labels: Any) -> None:
    labels.add_argument(
        "--per-class",
        metavar="N",
        type=parse_positive,
        help="take N random images of each class (default: all images)",
    )


def _add_debug(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--debug", action="store_true", help="show where an error came from (or OCTCLUSTER_DEBUG=1)"
    )
