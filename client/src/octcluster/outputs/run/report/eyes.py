"""The eyes of the report: of each the scans in their order, in the colours of their clusters."""

from collections.abc import Sequence

from octcluster.images.scan_choice import spread_about_middle
from octcluster.outputs.pages import Section, Text
from octcluster.outputs.pages.eye_strips import MOST_EYES, EyeStrip, show_strips
from octcluster.outputs.pages.image_names import ImageNames
from octcluster.outputs.pages.parts import Picture
from octcluster.outputs.pages.thumbnails import make_thumbnail
from octcluster.outputs.wording.words import NOISE, count, name_cluster, show_text
from octcluster.workflows.outcome import EyeClusters, RunOutcome

PICTURED_EYES = 12
PICTURES_OF_EYE = 7
_PICTURE_PIXELS = 144
_WORDS = (
    "The cluster of a scan is the one that suits it best by itself. Scans of one eye may differ: a finding "
    "may lie in some of them only. eyes.csv lists all eyes."
)


def build_eyes(outcome: RunOutcome, names: ImageNames) -> Section | None:
    """Builds the section of the eyes.

    Args:
        outcome: What the run found.
        names: What eyes are called.

    Returns:
        The section; None where images were clustered, no eye has several scans, or these have no clusters.
    """
    eyes = outcome.eyes
    if eyes is None or not (several := list_several(eyes)):
        return None
    chosen = choose_eyes(eyes, outcome.assignments.clusters)
    strips = [
        _build_strip(outcome, eyes, number, names, pictured=place < PICTURED_EYES)
        for place, number in enumerate(chosen)
    ]
    return Section("eyes", "The eyes, scan by scan", [Text([_WORDS]), show_strips(strips, len(several))])


def list_several(eyes: EyeClusters) -> list[int]:
    """Positions of the eyes with several scans, all of which have clusters of their own."""
    return [
        number
        for number, eye in enumerate(eyes.eyes)
        if len(eye.rows) > 1 and all(eyes.scan_clusters[row] is not None for row in eye.rows)
    ]


def choose_eyes(eyes: EyeClusters, clusters: Sequence[int]) -> list[int]:
    """Chooses eyes with several scans: of each cluster as many, those first whose scans fit it least.

    Args:
        eyes: The eyes.
        clusters: Cluster of each eye.

    Returns:
        Positions of eyes, at most MOST_EYES, a cluster after the other.
    """
    of_cluster: dict[int, list[int]] = {}
    for number in list_several(eyes):
        of_cluster.setdefault(clusters[number], []).append(number)
    limit = max(1, MOST_EYES // max(len(of_cluster), 1))
    chosen: list[int] = []
    for cluster in sorted(of_cluster, key=lambda each: (each == NOISE, each)):
        numbers = of_cluster[cluster]
        numbers.sort(key=lambda number: (_share_in(eyes, number, clusters[number]), number))
        chosen += numbers[:limit]
    return chosen[:MOST_EYES]


def _share_in(eyes: EyeClusters, number: int, cluster: int) -> float:
    rows = eyes.eyes[number].rows
    return sum(eyes.scan_clusters[row] == cluster for row in rows) / len(rows)


def _build_strip(
    outcome: RunOutcome, eyes: EyeClusters, number: int, names: ImageNames, *, pictured: bool
) -> EyeStrip:
    eye, cluster = eyes.eyes[number], outcome.assignments.clusters[number]
    share = _share_in(eyes, number, cluster)
    label = f" Known class: {show_text(eye.label)}." if eye.label else ""
    shown = spread_about_middle(len(eye.rows), PICTURES_OF_EYE) if pictured and names.thumbnails else []
    return EyeStrip(
        name=names.show(number),
        summary=f"{name_cluster(cluster).capitalize()}; {share:.0%} of {count(len(eye.rows), 'scan')} lie in "
        f"it.{label}",
        clusters=[found for row in eye.rows if (found := eyes.scan_clusters[row]) is not None],
        warning="most scans in other clusters" if share < 0.5 else "",
        pictures=[_picture(outcome, eyes, eye.rows[place]) for place in shown],
    )


def _picture(outcome: RunOutcome, eyes: EyeClusters, row: int) -> Picture:
    cluster = eyes.scan_clusters[row]
    return Picture(
        name_cluster(NOISE if cluster is None else cluster),
        source=make_thumbnail(outcome.members[row], _PICTURE_PIXELS),
    )
