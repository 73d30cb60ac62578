"""The arguments of ``octcluster assign``, and its help."""

from argparse import ArgumentParser

from octcluster.model.runs import MODELS

DESCRIPTION = """\
Puts images into the clusters of a run that has been done, without changing it, and writes into DIR:

  assignments.csv  one row an image: image,cluster,label,patient,distance,margin,outlier
                   distance: to the mean of the cluster, in the run's prepared features
                   margin:   how much better the cluster suits than the second best, 0 (torn) to 1 (no doubt)
                   outlier:  1 if the image is farther from the mean than 99% of the images that the run put
                             into the cluster, so that it may be something that the run never saw; of images
                             that were not fitted many more than 1% are, most of all if the run had few
  scores.json      how the clusters match the classes of these images, where labels are known
  assign.json      what was assigned to what, with versions and counts
  failures.csv     the images that could not be used, and why; if there are any

The images are embedded with the model and features of the run. A run is kept for a limited time (30 days in
the cache folder, 7 days by a clusterer's default); then do it again, which embeds nothing while vectors are
cached.
"""
EXAMPLES = """\
examples:
  octcluster run scans --out result                   the run to assign to
  octcluster assign result new-scans --out new        the same cache folder as of the run: it holds the run
  octcluster assign 0f3c... new-scans --out new --embedder gpu-box:50051 --clusterer gpu-box:50052

exit codes: 0 done, 1 failed, or --strict and an image failed, 2 wrong usage. For research use only: not a
medical device, and not for diagnosis.
"""


def add_finished_run(parser: ArgumentParser) -> None:
    """Adds the run that images are assigned to."""
    parser.add_argument(
        "run",
        metavar="RUN",
        help="folder that 'octcluster run' wrote, or, with --clusterer, the id of a run (run_id in run.json)",
    )


def add_model(parser: ArgumentParser) -> None:
    """Adds the model, which the run's folder knows."""
    parser.add_argument(
        "--model",
        help="network, for an embedder that is started here (default: that of RUN if it is a folder, else "
        f"{MODELS[0]})",
    )
