"""The arguments of ``octcluster embed``, and its help."""

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octcluster.cli.arguments.command import add_output_options, add_scans
from octcluster.cli.arguments.recipe import RecipeArguments, add_feature_parts, add_recipe
from octcluster.cli.arguments.services import ServicesCommand, add_embedder
from octcluster.cli.values import parse_store
from octcluster.clients.dask_tasks import DaskPlace
from octcluster.model.errors import InvalidArguments
from octcluster.model.recipes import Recipe
from octcluster.model.runs import MODELS

SUMMARY = "embed many images into a store of Parquet files, here or on a Dask cluster"
DESCRIPTION = """\
Computes the vectors of images and puts those that are missing into STORE, a folder or bucket of Parquet
files. Nothing is clustered. A clusterer with the same store (--store parquet --store-url STORE) then has the
vectors: 'octcluster run' with it embeds none of these images again.

With --dask-scheduler the workers of a Dask cluster do it, part by part: each with an embedder of its own, or
with those of --embedder. They need this package with the extras local and dask, the images at the same
path, the same OCTCLUSTER_KEY_SECRET, and a way to STORE. An embedder uses all processors: start one worker a
machine. See docs/scaling.md.

A command that was stopped goes on from what is stored when it is given again.
"""
EXAMPLES = """\
examples:
  octcluster embed scans --out vectors                              one machine, into the folder 'vectors'
  octcluster embed /data/oct --out s3://bucket/vectors --embedder gpu-1:50051,gpu-2:50051
  octcluster embed /data/oct --out file:///data/vectors --dask-scheduler tls://10.0.0.1:8786 \\
      --dask-ca authority.pem --dask-cert part.pem --dask-key part.key

exit codes: 0 done (images that failed are reported), 1 failed, or --strict and an image failed, 2 wrong
usage. For research use only: not a medical device, and not for diagnosis.
"""


@dataclass(frozen=True, kw_only=True)
class EmbedCommand(ServicesCommand):
    """``octcluster embed``.

    Attributes:
        images: Folder of images, or list of paths.
        scans: Which B-scans of each volume are taken; see ``scan_choice.choose_scans``.
        out: URL of the store.
        model: Name of the network.
        recipe: Name of the recipe whose vectors are wanted; None: the model's default.
        features: What is read from the network, in place of the recipe's.
        flip: Whether mirror images are averaged in, in place of the recipe's.
        views: What the network is shown of an image, in place of the recipe's.
        failures: File for the images that failed, and why; None: the first ones are printed.
        dask_scheduler: Address of a Dask scheduler; None: this machine does the work.
        dask_ca: Authority of the certificates of the Dask cluster.
        dask_cert: Own certificate.
        dask_key: Private key of the own certificate.
        strict: Whether an image that failed makes the command fail.
        quiet: Whether to print errors only.
    """

    name = "embed"

    images: Path
    scans: str | int
    out: str
    model: str
    recipe: str | None
    features: str | None
    flip: bool | None
    views: tuple[str, ...] | None
    failures: Path | None
    dask_scheduler: str | None
    dask_ca: Path | None
    dask_cert: Path | None
    dask_key: Path | None
    strict: bool
    quiet: bool

    def choose_recipe(self) -> Recipe:
        """The recipe that says what the vectors are; see RecipeArguments.choose_recipe."""
        return RecipeArguments(
            recipe=self.recipe, features=self.features, flip=self.flip, views=self.views
        ).choose_recipe(self.model)

    def find_scheduler(self) -> DaskPlace | None:
        """The Dask scheduler; None if none is named.

        Raises:
            InvalidArguments: Arguments do not go together.
        """
        files = (self.dask_ca, self.dask_cert, self.dask_key)
        if self.dask_scheduler is None:
            if any(files):
                raise InvalidArguments("--dask-ca, --dask-cert and --dask-key need --dask-scheduler")
            return None
        place = DaskPlace(self.dask_scheduler, *files)
        place.check()
        return place


def add_arguments(parser: ArgumentParser) -> None:
    """Adds all arguments of the command."""
    add_scans(parser)
    add = parser.add_argument
    add(
        "--out",
        metavar="STORE",
        type=parse_store,
        required=True,
        help="where the vectors go: a folder, file:///FOLDER or s3://BUCKET/PREFIX; for other services than "
        "AWS with ?endpoint_override=HOST:PORT&scheme=http&region=REGION",
    )
    add("--model", default=MODELS[0], help="network, as in 'octcluster run --help' (default: %(default)s)")
    add(
        "--failures",
        metavar="FILE.csv",
        type=Path,
        help="also write the images that have no vector, and why, as image,reason (default: print the first)",
    )
    vectors = parser.add_argument_group("what the vectors are; the same as for the run")
    add_recipe(vectors)
    add_feature_parts(vectors)
    add_embedder(parser)
    _add_dask(parser.add_argument_group("Dask cluster"))
    add_output_options(parser)


def _add_dask(group: Any) -> None:
    add = group.add_argument
    add(
        "--dask-scheduler",
        metavar="tls://HOST:PORT",
        help="have the workers of this scheduler do it; tcp://HOST:PORT on this machine alone (default: "
        "this machine does it)",
    )
    add("--dask-ca", metavar="FILE", type=Path, help="authority of the cluster's certificates, PEM")
    add("--dask-cert", metavar="FILE", type=Path, help="own certificate for the cluster, PEM")
    add("--dask-key", metavar="FILE", type=Path, help="private key of --dask-cert, PEM")
