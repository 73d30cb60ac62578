"""The arguments of ``octcluster run``, and its help."""

from argparse import ArgumentParser, BooleanOptionalAction
from dataclasses import dataclass
from typing import Any

from octcluster.cli.arguments.command import (
    ImagesCommand,
    add_images,
    add_labels,
    add_output_options,
    add_per_class,
)
from octcluster.cli.arguments.recipe import RecipeArguments, add_recipe, add_recipe_parts
from octcluster.cli.arguments.services import ServicesCommand, add_services
from octcluster.cli.values import parse_clusters, parse_resamples, parse_seed
from octcluster.model.runs import MODELS, UNITS, Unit

SUMMARY = "cluster a folder of images; leaves clusters, scores and a report"
DESCRIPTION = """\
Clusters the OCT images of a folder and writes into DIR:

  assignments.csv      the cluster of each image: image,cluster,label,patient,silhouette
  eyes.csv             the cluster of each eye, and the share of its scans in each cluster; with --unit eye
  assignments.parquet  the same with keys and places on the maps (PCA, UMAP), for pandas, DuckDB and others
  scores.json          how good each clustering is and how far to trust it; classes by clusters
  report.html          plots and tables to look at; opens offline, names no image; shows class names as given
  run.json             what is needed to repeat the run
  duplicates.csv       duplicates and near-duplicates: image,other_image,similarity; if there are any
  failures.csv         the images that could not be used, and why; if there are any
  warnings.csv         images with a fault in their pixels, and the cure; if there are any

How images are clustered is a recipe: which features of the network, how they are prepared, which algorithm.
Without further options the model's default recipe is taken. An option that changes a part of a recipe needs
the name of the recipe beside it: --recipe plain-1 --pca 0.95.

IMAGES may be vectors instead, from any network: a .npy file, or a Parquet file with a column "vector",
such as --vectors writes. No image is read then, and no embedder is needed (docs/files.md).

Without --embedder and --clusterer the services are started for this run and stopped after it.
"""
EXAMPLES = """\
examples:
  octcluster run scans --out result                      4 clusters, by the default recipe
  octcluster run scans --out result -k 2:10              choose among 2 to 9 clusters, without labels
  octcluster run scans --out result --recipe plain-1 --algorithm kmeans,hdbscan    two algorithms side by side
  octcluster run volumes --out result --unit eye         cluster eyes, each by all of its scans
  octcluster run own.parquet --out result                vectors that another program made
  octcluster run scans --out result --labels table.csv   compare with classes of a table image,label[,patient]
  octcluster run scans --out result --embedder gpu-box:50051 --clusterer gpu-box:50052
  octcluster assign result new-scans --out new           put new images into the clusters of result

exit codes: 0 done (images that failed are reported), 1 the run failed, or --strict and an image failed,
2 wrong usage. For research use only: not a medical device, and not for diagnosis.
"""


@dataclass(frozen=True, kw_only=True)
class RunCommand(ServicesCommand, ImagesCommand, RecipeArguments):
    """``octcluster run``.

    Attributes:
        k: Smallest and largest number of clusters.
        model: Name of the model.
        seed: Seed of every random choice.
        stability: How many random parts of the images to cluster again; None: it depends on their number.
        umap: Whether to draw the images by UMAP, too.
        vectors: Whether to write the images' features, too.
        unit: Whether images are clustered, or eyes.
        thumbnails: Whether the report shows images.
        identified: Whether the report names images and patients.
        per_class: Take so many random images of each class; None: all.
    """

    name = "run"

    k: tuple[int, int]
    model: str
    seed: int
    stability: int | None
    umap: bool
    vectors: bool
    unit: Unit
    thumbnails: bool
    identified: bool
    per_class: int | None


def add_arguments(parser: ArgumentParser) -> None:
    """Adds all arguments of the command."""
    add_images(parser)
    _add_grouping(parser.add_argument_group("how images are clustered"))
    add_recipe_parts(parser.add_argument_group("changes of the recipe that --recipe names"))
    _add_contents(parser.add_argument_group("what is written"))
    add_per_class(add_labels(parser))
    add_services(parser, "start one")
    add_output_options(parser)


def _add_grouping(group: Any) -> None:
    add = group.add_argument
    add(
        "-k",
        metavar="K|MIN:MAX",
        type=parse_clusters,
        default=(4, 4),
        help="number of clusters, or a range to choose from without labels, its ends included. hdbscan finds "
        "its own number (default: 4)",
    )
    add(
        "--unit",
        choices=UNITS,
        default=UNITS[0],
        help="what is clustered: each image; or each eye, that is all images of one patient, eye and visit "
        "as one. Take eye where an eye has several scans, as volumes have: else clusters may be people. The "
        "cluster of each scan by itself is told, too (default: %(default)s)",
    )
    names = ", ".join(MODELS).replace(", ".join(MODELS[1:9]), "efficientnet-b0 to -b7")
    add(
        "--model",
        default=MODELS[0],
        help=f"network: {names} (no network: the image itself, grey at 150x150, as a baseline); an "
        "ONNX file of your own, with a TOML file beside it (docs/models.md); or another of the embedder "
        "(default: %(default)s)",
    )
    add_recipe(group)
    add("--seed", type=parse_seed, default=0, help="seed of every random choice (default: %(default)s)")
    add(
        "--stability",
        metavar="N",
        type=parse_resamples,
        help="cluster N random parts of the images again (each 80%% of the patients) to see how stable the "
        "result is; 0: do not (default: 10, or 4 with more than 5,000 images)",
    )


def _add_contents(group: Any) -> None:
    add = group.add_argument
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
