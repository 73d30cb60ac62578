"""The arguments of ``octcluster assign``, and its help."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from octcluster.cli.arguments.command import ImagesCommand, add_images, add_labels, add_output_options
from octcluster.cli.arguments.of_run import OfRunCommand
from octcluster.cli.arguments.services import add_services
from octcluster.model.errors import (
    ConnectionNotSecure,
    DeadlineExceeded,
    IncompatibleServer,
    ServerUnavailable,
)
from octcluster.model.runs import MODELS
from octcluster.workflows.finished_runs import FinishedRun

SUMMARY = "put new images into the clusters of a finished run"
DESCRIPTION = """\
Puts images into the clusters of a finished run, without changing it, and writes into DIR:

  assignments.csv  one row an image: image,cluster,label,patient,distance,percentile,margin,outlier,seen
                   distance: to the mean of the cluster, in the run's prepared features
                   percentile: how many percent of the run's own images in the cluster are nearer to it
                   margin:   how much better the cluster suits than the second best: 0 (equal) to 1 (no doubt)
                   outlier:  1 if the image is farther from the mean than 99% of the run's own images in the
                             cluster. It may be something that the run never saw. Of new images many more
                             than 1% are outliers, most of all if the run had few images
                   seen:     image or patient, if the run was made with it or with its patient: these are
                             counted apart, and no accuracy includes them. unknown: it cannot be told
  eyes.csv         one row an eye (patient, eye, visit), if any has several scans: the cluster of their mean,
                   how sure, the share of its scans in each cluster, the scans that speak for it
  report.html      all of that on a page that opens offline, with images worth a look
  scores.json      how the clusters match the classes of these images, where labels are known
  assign.json      what was assigned to what, with versions and counts
  failures.csv     the images that could not be used, and why; if there are any
  warnings.csv     images with a fault in their pixels, and the cure; if there are any

The images are embedded with the model and features of the run. If the run was made of vectors, give the
vectors of the new images. RUN is the folder of the run, or the file model.npz out of it alone: it needs
neither the cache nor the machine of the run, and holds no image, name or patient. Give the folder where you
have it: it alone tells the run's own images and patients from new ones.
"""
EXAMPLES = """\
examples:
  octcluster run scans --out result                   the run to assign to
  octcluster assign result new-scans --out new        the folder of the run
  octcluster assign model.npz new-scans --out new     its file alone, on any machine
  octcluster assign 0f3c... new-scans --out new --embedder gpu-box:50051 --clusterer gpu-box:50052

exit codes: 0 done, 1 failed, or --strict and an image failed, 2 wrong usage. For research use only: not a
medical device, and not for diagnosis.
"""


@dataclass(frozen=True, kw_only=True)
class AssignCommand(OfRunCommand, ImagesCommand):
    """``octcluster assign``.

    Attributes:
        run: Folder that ``octcluster run`` wrote, its model file, or the id of a run.
        thumbnails: Whether the report shows images.
        identified: Whether the report names images and patients.
    """

    name = "assign"

    run: str
    thumbnails: bool
    identified: bool


@contextmanager
def recorded_addresses_named(given: AssignCommand, used: AssignCommand, run: FinishedRun) -> Iterator[None]:
    """Says of a server that cannot be used that its address stands in the run's record, and what else helps.

    Args:
        given: The command as it was given.
        used: The command with what the run says.
        run: The run.

    Raises:
        ServiceError: The block raised it; where the address came from the record, its message says so.
    """
    try:
        yield
    except (ServerUnavailable, ConnectionNotSecure, DeadlineExceeded, IncompatibleServer) as error:
        cures = {
            "embedder": "name another embedder with the run's model (--embedder HOST:PORT), or give --model "
            f"{used.model or MODELS[0]} to start one here",
            "clusterer": "its model.npz does without the run's clusterer: name any other (--clusterer "
            "HOST:PORT), or a cache folder to start one here (--cache-dir DIR)"
            if run.model is not None
            else "the run has no model.npz and is on that clusterer alone: start that again, or give its new "
            "address (--clusterer HOST:PORT)",
        }
        for service, cure in cures.items():
            address = getattr(used, service)
            if (
                getattr(given, service) is None
                and address is not None
                and f"{service} at {address}" in str(error)
            ):
                where = "That address is the one in the run's run.json; if it is no longer right"
                raise type(error)(f"{error}. {where}, {cure}", code=error.code) from error
        raise


def add_arguments(parser: ArgumentParser) -> None:
    """Adds all arguments of the command."""
    parser.add_argument(
        "run",
        metavar="RUN",
        help="folder that 'octcluster run' wrote, its model.npz alone, or, with --clusterer, the id of a run "
        "(run_id in run.json)",
    )
    add_images(parser)
    add_labels(parser)
    cache = "that of RUN if it is a folder, else octcluster in the user's cache folder"
    add_services(parser, "that of RUN, or start one", cache=cache)
    parser.add_argument(
        "--model",
        help="network, for an embedder that is started here (default: that of RUN if it is a folder, else "
        f"{MODELS[0]})",
    )
    parser.add_argument(
        "--thumbnails",
        action="store_true",
        help="show clear, doubtful and outlying images in the report, which is patients' data then (default: "
        "pseudonyms)",
    )
    parser.add_argument(
        "--identified",
        action="store_true",
        help="name images and patients in the report as their files do (default: pseudonyms)",
    )
    add_output_options(parser)
