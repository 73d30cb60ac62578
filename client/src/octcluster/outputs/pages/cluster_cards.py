"""Clusters on cards, one by one: size, classes, images worth a look."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from octcluster.model.runs import Unit
from octcluster.outputs.pages.colours import NEUTRAL, class_colour
from octcluster.outputs.pages.parts import Fragment, Gallery
from octcluster.outputs.wording.words import show_text

EXAMPLES = 6
STYLE = "pages/cluster_cards.css"
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class ClassShare:
    """The images of one class in a cluster."""

    name: str
    images: int
    share: float
    colour: str


@dataclass(frozen=True)
class Card:
    """One cluster as the report shows it.

    Attributes:
        cluster: Number of the cluster; -1 is noise.
        name: Its name for people.
        colour: Name of its colour.
        summary: What it is, in a sentence.
        notes: What else there is to say, in sentences.
        size: Number of its images, or eyes, in words.
        classes: Its images by known class, the most frequent first; empty if no class is known.
        histogram: Height of each bar of its silhouettes, the highest is 1; empty if undefined.
        limit: The bars go from -limit to limit, the same in all cards.
        median: Median of its silhouettes, None if undefined.
        galleries: Its most typical, most ambiguous and most outlying images.
        selectable: Whether its button highlights the cluster in the whole page; needs ``explorer.js``.
    """

    cluster: int
    name: str
    colour: str
    summary: str
    notes: Sequence[str]
    size: str
    classes: Sequence[ClassShare]
    histogram: Sequence[float]
    limit: float
    median: float | None
    galleries: Sequence[Gallery]
    selectable: bool = False


def show_cards(cards: Sequence[Card]) -> Fragment:
    """The part of a page that shows cards; the page needs their style sheet, STYLE."""
    return Fragment("pages/cluster_cards.html.jinja", {"cards": cards})


def share_classes(labels: Sequence[str | None], classes: Sequence[str]) -> list[ClassShare]:
    """The classes of a cluster's images, the most frequent first.

    Args:
        labels: Class of each of its images; None if it is not known.
        classes: All classes of the page, in the order of their colours; empty if none is known.
    """
    if not classes:
        return []
    counts = Counter(labels)
    colours = {name: class_colour(index) for index, name in enumerate(classes)}
    return [
        ClassShare(
            show_text(name or _UNKNOWN),
            images,
            images / len(labels),
            colours.get(name or "", NEUTRAL).removeprefix("@"),
        )
        for name, images in sorted(
            counts.items(), key=lambda item: (item[0] is None, -item[1], item[0] or "")
        )
    ]


def summarize_classes(share: float, classes: Sequence[ClassShare], unit: Unit = "image") -> str:
    """What a cluster is, in a sentence: its share of all images, and its classes."""
    of_all = f"{share:.0%} of the {unit}s" if share >= 0.01 else f"less than 1% of the {unit}s"
    known = [each for each in classes if each.name != _UNKNOWN]
    if not known:
        return f"{of_all}."
    first = known[0]
    if len(classes) == 1:
        return f"{of_all}; all {first.name}."
    how = "nearly all" if first.share >= 0.9 else "mostly" if first.share >= 0.5 else "mixed; most often"
    return f"{of_all}; {how} {first.name} ({min(first.share, 0.99):.0%})."
