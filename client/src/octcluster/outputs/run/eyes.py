"""eyes.csv: the cluster of each eye, and how many of its scans lie in which cluster by themselves."""

from collections import Counter

from octcluster.outputs.csv_tables import format_table
from octcluster.outputs.run.assignments import format_silhouette
from octcluster.outputs.wording.words import NOISE
from octcluster.workflows.outcome import EyeClusters, RunOutcome

HEADER = ("patient", "eye", "visit", "scans", "cluster", "label", "silhouette")


def format_eyes(outcome: RunOutcome) -> bytes | None:
    """Formats one row an eye, in the order of the eyes; None where images were clustered.

    Behind the columns of HEADER comes ``share_0``, ``share_1``, ...: the share of the eye's scans that suit
    this cluster best by themselves; empty where that is not known.
    """
    eyes, assignments = outcome.eyes, outcome.assignments
    if eyes is None:
        return None
    clusters = list(range(outcome.chosen.clusters))
    if outcome.chosen.noise:
        clusters.append(NOISE)
    rows = (
        (
            eye.patient,
            eye.eye,
            eye.visit,
            len(eye.rows),
            cluster,
            eye.label,
            format_silhouette(silhouette),
            *(None if share is None else f"{share:.4f}" for share in share_scans(eyes, number, clusters)),
        )
        for number, (eye, cluster, silhouette) in enumerate(
            zip(eyes.eyes, assignments.clusters, assignments.silhouettes, strict=True)
        )
    )
    names = ["share_noise" if cluster == NOISE else f"share_{cluster}" for cluster in clusters]
    return format_table((*HEADER, *names), rows, outcome.mark)


def share_scans(eyes: EyeClusters, number: int, clusters: list[int]) -> list[float | None]:
    """The share of an eye's scans in each of some clusters; None for all where any scan has none."""
    found = [eyes.scan_clusters[row] for row in eyes.eyes[number].rows]
    if None in found:
        return [None] * len(clusters)
    counts = Counter(found)
    return [counts[cluster] / len(found) for cluster in clusters]
