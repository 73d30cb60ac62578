"""What a run of eyes needs beside a run of images: enough eyes, and the cluster of each scan by itself."""

from collections.abc import Sequence

from octcluster.clients.clusterer import ClustererClient
from octcluster.images.eyes import ScannedEye, gather_eyes
from octcluster.images.image_set import Scan
from octcluster.model.errors import InvalidArguments, TooFewImages
from octcluster.model.results import Assignments, RunResult
from octcluster.model.runs import UNITS
from octcluster.model.suggest import suggest
from octcluster.workflows.outcome import EyeClusters


def find_eyes(unit: str, scans: Sequence[Scan]) -> list[ScannedEye] | None:
    """The eyes that scans show, if these are what is clustered; None if images are.

    Raises:
        InvalidArguments: There is no such unit.
    """
    if unit not in UNITS:
        raise InvalidArguments(f"there is no unit {unit!r}: take {' or '.join(UNITS)}{suggest(unit, UNITS)}")
    return gather_eyes(scans) if unit == "eye" else None


def check_enough_eyes(eyes: Sequence[ScannedEye], needed: int) -> None:
    """Raises TooFewImages if there are fewer eyes than needed."""
    if len(eyes) < needed:
        raise TooFewImages(
            f"the images show {len(eyes)} eyes, but at least {needed} are needed: add eyes, ask for fewer "
            "clusters (-k), or put these images into the clusters of a finished run (octcluster assign)"
        )


def place_scans(
    eyes: Sequence[ScannedEye],
    image_keys: Sequence[bytes],
    run_id: str,
    result: RunResult,
    assignments: Assignments,
    clusterer: ClustererClient,
) -> EyeClusters:
    """Finds the cluster of each scan by itself: that of its eye if it is the only one, else the nearest.

    Args:
        eyes: The eyes of the run.
        image_keys: Key of each scan.
        run_id: Id of the run.
        result: What it found.
        assignments: The clusters of the eyes in the chosen result.
        clusterer: Where the run is.

    Returns:
        The eyes with the clusters of their scans; None for scans that the run's rule cannot place.
    """
    clusters: list[int | None] = [None] * len(image_keys)
    several = [row for eye in eyes if len(eye.rows) > 1 for row in eye.rows]
    if several and not result.fitted_missing_reason:
        keys = list(dict.fromkeys(image_keys[row] for row in several))
        placed = clusterer.assign(run_id, result.chosen, keys)
        nearest = dict(zip(placed.image_keys, placed.clusters, strict=True))
        for row in several:
            clusters[row] = nearest.get(image_keys[row])
    for eye, cluster in zip(eyes, assignments.clusters, strict=True):
        if len(eye.rows) == 1:
            clusters[eye.rows[0]] = cluster
    return EyeClusters(eyes, clusters)
