"""The name of a result, which each of its files bears."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from hashlib import blake2b

from octcluster.images.image_set import Scan
from octcluster.model.runs import RunSpec, Unit

RESULT_ID = "result_id"
"""Column of CSV files, and key of all others, that holds it."""
_BYTES = 16


def digest_result(
    spec: RunSpec,
    unit: Unit,
    members: Sequence[Scan],
    image_keys: Sequence[bytes],
    failures: Sequence[tuple[str, str]],
    clusters: Sequence[int],
) -> str:
    """Names a result by its images and all that decides on their clusters: equal runs leave equal tables.

    What each run has of its own does not count, nor what has no say in the clusters.

    Args:
        spec: What the clusterer was asked to do.
        unit: What was clustered.
        members: The images that were clustered.
        image_keys: Their keys, in the same order.
        failures: Name and reason of each image that was not.
        clusters: Cluster of each unit in the chosen result.

    Returns:
        32 hexadecimal digits.
    """
    asked = json.dumps(
        asdict(replace(spec, run_id="", umap=False, stability_resamples=0)), default=bytes.hex, sort_keys=True
    )
    digest = blake2b(repr((asked, unit, list(failures), list(clusters))).encode(), digest_size=_BYTES)
    for scan, key in zip(members, image_keys, strict=True):
        digest.update(key + repr((scan.name, scan.label, scan.patient, scan.eye, scan.visit)).encode())
    return digest.hexdigest()
