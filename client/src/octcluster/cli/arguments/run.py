"""The arguments of ``octcluster run`` that say how images are grouped, and its help."""

from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from octcluster.cli.values import (
    UNSET,
    parse_algorithms,
    parse_clusters,
    parse_pca,
    parse_resamples,
    parse_seed,
)
from octcluster.model.recipes import DEFAULT_RECIPE, PIXELS_1, PLAIN_1, RECIPES
from octcluster.model.runs import ALGORITHMS, FEATURES, MODELS

DESCRIPTION = """\
Groups the OCT images of a folder and writes into DIR:

  assignments.csv      the cluster of each image: image,cluster,label,patient,silhouette
  assignments.parquet  the same with keys and places on the maps (PCA, UMAP), for pandas, DuckDB and others
  scores.json          how good each clustering is and how far to trust it; classes by clusters
  report.html          plots and tables to look at; opens offline, names no image; shows class names as given
  run.json             what is needed to repeat the run
  duplicates.csv       pairs of images that are (nearly) the same: image,other_image,similarity; if any
  failures.csv         the images that could not be used, and why; if there are any

How images are grouped is a recipe: which features of the network, how they are prepared, which algorithm.
Without further options the default recipe is taken. As soon as one of --features, --flip, --algorithm, --pca
or --whiten is given, the start is the plain recipe (pooled features of unit length, K-means) and the options
change that; --whiten-within-patients or its contrary alone changes the default recipe. To change one thing of
another recipe, name it as well: --recipe NAME --pca 32.

Without --embedder and --clusterer the services are started for this run and stopped after it.
"""
EXAMPLES = """\
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


def add_method(run: ArgumentParser) -> None:
    """Adds how images are grouped, and what is shown of it."""
    _add_grouping(run.add_argument_group("how images are grouped"))
    _add_recipe(run.add_argument_group("a recipe of your own, part by part"))
    _add_contents(run.add_argument_group("what is written"))


def _add_grouping(group: Any) -> None:
    add = group.add_argument
    add(
        "-k",
        metavar="K|MIN:MAX",
        type=parse_clusters,
        default=(4, 4),
        help="number of clusters, or a range to choose from without labels; with the default recipe its "
        "largest, and a smallest above 2, are only there to compare with, unless there is none between "
        "them; hdbscan finds its own number (default: 4)",
    )
    names = ", ".join(MODELS).replace(", ".join(MODELS[1:9]), "efficientnet-b0 to -b7")
    add(
        "--model",
        default=MODELS[0],
        help=f"network: {names} (no network: the image itself, grey at 150x150, as a baseline); or "
        "another that the embedder has (default: %(default)s)",
    )
    add(
        "--recipe",
        choices=tuple(RECIPES),
        help=f"the whole recipe, by name and version (default: {DEFAULT_RECIPE.name} for an EfficientNet, "
        f"{PIXELS_1.name} for pixels, {PLAIN_1.name} for other models)",
    )
    add("--seed", type=parse_seed, default=0, help="seed of every random choice (default: %(default)s)")
    add(
        "--stability",
        metavar="N",
        type=parse_resamples,
        help="cluster N random parts of the images again (each 80%% of the patients) to see how stable the "
        "result is; 0: do not (default: 10, or 4 with more than 5,000 images)",
    )


def _add_recipe(method: Any) -> None:
    add = method.add_argument
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
        dest="whiten_within_patients",
        default=UNSET,
        action=BooleanOptionalAction,
        help="then give less weight to what differs between images of one patient, which is mostly no "
        "pathology; leave it out for whole volumes, whose slices differ in it (default: that of the recipe; "
        "plain: no)",
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
