"""Eyes as strips: the scans of each in their order, each with the cluster that it lies in."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from octcluster.outputs.pages.colours import cluster_colour
from octcluster.outputs.pages.parts import Fragment, Picture
from octcluster.outputs.wording.words import NOISE, name_cluster

STYLE = "pages/eye_strips.css"
MOST_EYES = 60
MOST_SCANS = 200


@dataclass(frozen=True)
class EyeStrip:
    """One eye.

    Attributes:
        name: What it is called: a pseudonym, or its patient, eye and visit.
        summary: Where it lies, in a sentence.
        clusters: Cluster of each of its scans, in their order.
        marked: Positions of scans that speak for its cluster.
        warning: What makes it doubtful, in a few words; empty if nothing does.
        pictures: Some of its scans.
    """

    name: str
    summary: str
    clusters: Sequence[int]
    marked: Sequence[int] = ()
    warning: str = ""
    pictures: Sequence[Picture] = field(default_factory=list)

    @property
    def cells(self) -> list[tuple[str, str, bool]]:
        """Name of colour, text, and whether it is marked, of as many scans as are shown, evenly spread."""
        step = max(1, -(-len(self.clusters) // MOST_SCANS))
        marked = {position // step for position in self.marked}
        return [
            (
                cluster_colour(cluster).removeprefix("@"),
                "\N{EN DASH}" if cluster == NOISE else str(cluster),
                index in marked,
            )
            for index, cluster in enumerate(self.clusters[::step])
        ]

    @property
    def description(self) -> str:
        """The strip in words, for those who cannot see it."""
        counts = sorted(Counter(self.clusters).items(), key=lambda item: (-item[1], item[0]))
        return ", ".join(f"{images:,} in {name_cluster(cluster)}" for cluster, images in counts)


def show_strips(strips: Sequence[EyeStrip], total: int | None = None) -> Fragment:
    """The part of a page that shows eyes, at most MOST_EYES; the page needs their style sheet, STYLE.

    Args:
        strips: The eyes, those first that shall be seen.
        total: Number of eyes of which these are some; None: these are all.
    """
    return Fragment(
        "pages/eye_strips.html.jinja",
        {
            "strips": strips[:MOST_EYES],
            "total": len(strips) if total is None else total,
            "are_marked": any(strip.marked for strip in strips[:MOST_EYES]),
        },
    )
