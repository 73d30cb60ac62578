"""The arguments of the command ``octcluster``, and its help."""

from argparse import ArgumentParser, BooleanOptionalAction, RawDescriptionHelpFormatter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from octcluster import study_arguments
from octcluster.argument_values import (
    UNSET,
    parse_algorithms,
    parse_clusters,
    parse_pca,
    parse_positive,
    parse_resamples,
    parse_seed,
)
from octcluster.description_arguments import DESCRIPTION, EXAMPLES, add_looks
from octcluster.recipes import DEFAULT_RECIPE, PIXELS_1, PLAIN_1, RECIPES
from octcluster.runs import ALGORITHMS, FEATURES
from octcluster.service_arguments import add_services
from octcluster.suggestions import SuggestingParser

MODELS = (
    "efficientnet-lite0",
    *(f"efficientnet-b{number}" for number in range(8)),
    "vgg16",
    "resnet50",
    "inception-v3",
    "pixels",
)

_RUN_DESCRIPTION = """\
Groups the OCT images of a folder and writes into DIR:

  assignments.csv  the cluster of each image: image,cluster,label,patient,silhouette
  assignments.parquet  the same with keys and places on the maps (PCA, UMAP), for pandas, DuckDB and others
  scores.json      how good each clustering is and how far to trust it, with the table of classes and clusters
  report.html      plots and tables to look at; opens offline, names no image; shows class names as given
  run.json         what is needed to repeat the run
  duplicates.csv   pairs of images that are (nearly) the same: image,other_image,similarity; if there are any
  failures.csv     the images that could not be used, and why; if there are any

How images are grouped is a recipe: which features of the network, how they are prepared, which algorithm.
Without further options the default recipe is taken. As soon as one of --features, --flip, --algorithm, --pca
or --whiten is given, the start is the plain recipe (pooled features of unit length, K-means) and the options
change that. To change one thing of another recipe, name it as well: --recipe NAME --pca 32.

Without --embedder and --clusterer the services are started for this run and stopped after it.
"""
_RUN_EXAMPLES = """\
examples:
  octcluster run scans --out result                      4 clusters, by the default recipe
  octcluster run scans --out result -k 2:10              try 2 to 10 clusters and choose, without labels
  octcluster run scans --out result --algorithm kmeans,hdbscan --pca 0.95    plain features, two algorithms
  octcluster run scans --out result --labels table.csv   compare with classes of a table image,label[,patient]
  octcluster run scans --out result --embedder gpu-box:50051 --clusterer gpu-box:50052
  octcluster assign result new-scans --out new           put new images into the clusters of result

exit codes: 0 done (images that failed are reported), 1 the run failed, or --strict and an image failed,
2 wrong usage. For research use only: not a medical device, and not for diagnosis.
"""
_ASSIGN_DESCRIPTION = """\
Puts images into the clusters of a run that has been done, without changing it, and writes into DIR:

  assignments.csv  one row an image: image,cluster,label,patient,distance,margin,outlier
                   distance: to the mean of the cluster, in the run's prepared features
                   margin:   how much better the cluster suits than the second best, 0 (torn) to 1 (no doubt)
                   outlier:  1 if the image is farther from the mean than 99% of the cluster's own images, so
                             that it may be something that the run never saw
  scores.json      how the clusters match the classes of these images, where labels are known
  assign.json      what was assigned to what, with versions and counts
  failures.csv     the images that could not be used, and why; if there are any

The images are embedded with the model and features of the run. A run is kept for a limited time (30 days in
the cache folder, 7 days by a clusterer's default); then do it again, which is quick while vectors are cached.
"""
_ASSIGN_EXAMPLES = """\
examples:
  octcluster run scans --out result                   the run to assign to
  octcluster assign result new-scans --out new        the same cache folder as of the run: it holds the run
  octcluster assign 0f3c... new-scans --out new --embedder gpu-box:50051 --clusterer gpu-box:50052

exit codes: 0 done, 1 failed, or --strict and an image failed, 2 wrong usage. For research use only: not a
medical device, and not for diagnosis.
"""


def build_parser() -> ArgumentParser:
    """Builds the parser; its result has ``command`` and, by command, the options named below."""
    parser = SuggestingParser(
        prog="octcluster",
        description="Groups unlabelled retinal OCT images by pathology.",
        epilog="'octcluster run --help' explains the main job.",
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


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run",
        help="group a folder of images; leaves clusters, scores and a report",
        description=_RUN_DESCRIPTION,
        epilog=_RUN_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_images(run)
    _add_method(run)
    _add_per_class(_add_labels(run))
    add_services(run, "start one")
    _add_manners(run)


def _add_assign(commands: Any) -> None:
    assign = commands.add_parser(
        "assign",
        help="put new images into the clusters of a finished run",
        description=_ASSIGN_DESCRIPTION,
        epilog=_ASSIGN_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    assign.add_argument(
        "run",
        metavar="RUN",
        help="folder that 'octcluster run' wrote, or, with --clusterer, the id of a run (run_id in run.json)",
    )
    _add_images(assign)
    _add_labels(assign)
    add_services(assign, "that of RUN, or start one")
    assign.add_argument(
        "--model",
        help="network, for an embedder that is started here (default: that of RUN if it is a folder, else "
        f"{MODELS[0]})",
    )
    _add_manners(assign)


def _add_study(commands: Any) -> None:
    study = commands.add_parser(
        "study",
        help="compare features, preparations, algorithms and numbers of clusters in one table",
        description=study_arguments.DESCRIPTION,
        epilog=study_arguments.EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_images(study)
    study_arguments.add_matrix(study)
    _add_per_class(_add_labels(study))
    add_services(study, "start one", weights=False)
    _add_manners(study)


def _add_per_class(labels: Any) -> None:
    labels.add_argument(
        "--per-class",
        metavar="N",
        type=parse_positive,
        help="take N random images of each class (default: all images)",
    )


def _add_images(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("images", metavar="IMAGES", type=Path, help="folder of images, or text file with one path a line")
    add("--out", metavar="DIR", type=Path, required=True, help="folder for the outputs; made if need be")


def _add_manners(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--strict",
        action="store_true",
        help="exit with 1 if an image failed (default: report it, exit with 0)",
    )
    add("--quiet", action="store_true", help="print errors only (default: progress and a summary)")
    _add_debug(parser)


def _add_method(run: ArgumentParser) -> None:
    method = run.add_argument_group("how images are grouped")
    _add_recipe(method)
    add = method.add_argument
    names = ", ".join(MODELS).replace(", ".join(MODELS[1:9]), "efficientnet-b0 to -b7")
    add(
        "--model",
        default=MODELS[0],
        help=f"network: {names}, which is none but the image itself, grey at 150x150, to compare with; or "
        "another that the embedder has (default: %(default)s)",
    )
    add(
        "-k",
        metavar="K|MIN:MAX",
        type=parse_clusters,
        default=(4, 4),
        help="number of clusters, or a range to choose from, whose largest is there for comparison; hdbscan "
        "finds its own number (default: 4)",
    )
    add("--seed", type=parse_seed, default=0, help="seed of every random choice (default: %(default)s)")
    add(
        "--stability",
        metavar="N",
        type=parse_resamples,
        help="cluster N random parts of the images again (each 80%% of the patients) to see how stable the "
        "result is; 0: do not (default: 10, or 4 with more than 5,000 images)",
    )
    add(
        "--umap",
        default=True,
        action=BooleanOptionalAction,
        help="also draw the images by UMAP, near ones side by side (default: yes; takes seconds, with 85,000 "
        "images two minutes)",
    )
    add(
        "--vectors",
        action="store_true",
        help="also put the images' features into assignments.parquet (default: no; 5 to 12 kB an image)",
    )
    add(
        "--thumbnails",
        action="store_true",
        help="show typical, ambiguous and outlying images of each cluster in the report, which is patients' "
        "data then (default: pseudonyms)",
    )
    add(
        "--identified",
        action="store_true",
        help="name images and patients in the report as their files do (default: pseudonyms)",
    )


def _add_recipe(method: Any) -> None:
    add = method.add_argument
    add(
        "--recipe",
        choices=tuple(RECIPES),
        help=f"the whole recipe, by name and version (default: {DEFAULT_RECIPE.name} for an EfficientNet, "
        f"{PIXELS_1.name} for pixels, {PLAIN_1.name} for other models)",
    )
    add(
        "--features",
        default=UNSET,
        choices=FEATURES,
        help="what is read from the network: pooled, the mean of its last map; flatten, the whole map; or "
        "blocks, the means of late layers; pixels, for the model pixels (default: that of the recipe; plain: "
        "pooled)",
    )
    add(
        "--flip",
        default=UNSET,
        action=BooleanOptionalAction,
        help="average the features of each image and of its mirror image, since left and right eyes mirror "
        "each other (default: that of the recipe; plain: no)",
    )
    add(
        "--algorithm",
        metavar="NAME[,NAME...]",
        type=parse_algorithms,
        default=UNSET,
        help=f"one or more of {', '.join(ALGORITHMS)} (default: that of the recipe; plain: kmeans)",
    )
    pca = method.add_mutually_exclusive_group()
    pca.add_argument(
        "--pca",
        metavar="SHARE|COUNT",
        type=parse_pca,
        default=UNSET,
        help="reduce the features first, each part of blocks by itself: to a share of their variance with a "
        "dot (0.95), or to a count of components (64; of few images as many as there can be)",
    )
    pca.add_argument(
        "--no-pca",
        dest="pca",
        action="store_const",
        const=None,
        default=UNSET,
        help="do not reduce the features (default: that of the recipe; plain: not)",
    )
    add(
        "--whiten",
        default=UNSET,
        action=BooleanOptionalAction,
        help="scale the components of the PCA to equal variance (default: that of the recipe; plain: no)",
    )
    add(
        "--whiten-within-patients",
        dest="whiten_within_groups",
        default=UNSET,
        action=BooleanOptionalAction,
        help="then give less weight to what differs between images of one patient, which is mostly no "
        "pathology; leave it out for whole volumes, whose slices differ in it (default: that of the recipe; "
        "plain: no)",
    )


def _add_labels(parser: ArgumentParser) -> Any:
    labels = parser.add_argument_group("known classes, to compare with; they never change the clusters")
    labels.add_argument(
        "--labels",
        metavar="auto|folder|filename|none|FILE.csv",
        default="auto",
        help="folder: name of the last folder; filename: first part of <disease>-<patient>-<number>; "
        "FILE.csv: a table with the columns image,label[,patient]; auto: folder if images lie in 2 to "
        "50 of them that do not look like one patient each (their file names say so, or half of them have "
        "less than 5 images), else filename if nearly all names have the form, else none (default: "
        "%(default)s)",
    )
    return labels


def _add_describe(commands: Any) -> None:
    describe = commands.add_parser(
        "describe",
        help="look at a folder of images: numbers, sizes, formats, patients and images that come twice",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_images(describe)
    add_looks(describe)
    _add_labels(describe)
    _add_manners(describe)


def _add_doctor(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="look whether everything is installed and the services answer; a cure for each fault",
        description="Looks at what is installed, starts the services or asks those that are named, and says "
        "which runtime computes, which weights they have, and whether versions match. Exit code 1 if "
        "something is wrong.",
        allow_abbrev=False,
    )
    doctor.add_argument("--model", default=MODELS[0], help="model to look at (default: %(default)s)")
    add_services(doctor, "start one")
    _add_debug(doctor)


def _add_completion(commands: Any) -> None:
    completion = commands.add_parser(
        "completion",
        help="print a script that lets a shell complete commands and options",
        description="Prints a completion script: source <(octcluster completion bash)",
        allow_abbrev=False,
    )
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="for which shell")
    _add_debug(completion)


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
