"""The colours of the pages by name, for light and for dark grounds.

Classes have the colours of Okabe and Ito (2008, jfly.uni-koeln.de/color); clusters have a palette of their
own, so that nobody takes a cluster for a class. Both can be told apart with every kind of colour blindness,
and shapes say the same a second time.
"""

from collections.abc import Mapping

NEUTRAL = "@neutral"

_CLASSES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
_CLUSTERS_LIGHT = ("#112299", "#bb8877", "#771100", "#8888ee", "#bb3300", "#885577", "#5555cc", "#441144")
_CLUSTERS_DARK = ("#4488ee", "#ffbb66", "#ff7799", "#bbaaff", "#999900", "#00ffee", "#aa5544", "#776699")

_LIGHT_GROUND = {
    "ground": "#ffffff",
    "raised": "#f4f6f8",
    "ink": "#1a1d21",
    "faint": "#555d66",
    "line": "#d3d9df",
    "accent": "#005f96",
    "warn-ground": "#fff4d6",
    "warn-ink": "#5c4100",
    "stop-ground": "#fde8e6",
    "stop-ink": "#8c1007",
    "neutral": "#858b92",
    "heat": "#3f8fcf",
}
_DARK_GROUND = {
    "ground": "#14171a",
    "raised": "#1f2429",
    "ink": "#e8eaed",
    "faint": "#a9b2bb",
    "line": "#3a424a",
    "accent": "#7cc4f4",
    "warn-ground": "#3a2f10",
    "warn-ink": "#ffe3a0",
    "stop-ground": "#3d1512",
    "stop-ink": "#ffb4a8",
    "neutral": "#8a9199",
    "heat": "#1f5f94",
}


def _name(ground: Mapping[str, str], clusters: tuple[str, ...]) -> dict[str, str]:
    named = {f"cluster-{index}": colour for index, colour in enumerate(clusters)}
    return {**ground, **named, **{f"class-{index}": colour for index, colour in enumerate(_CLASSES)}}


LIGHT: Mapping[str, str] = _name(_LIGHT_GROUND, _CLUSTERS_LIGHT)
DARK: Mapping[str, str] = _name(_DARK_GROUND, _CLUSTERS_DARK)


def cluster_colour(cluster: int) -> str:
    """Name of a cluster's colour; noise (-1) is neutral. More clusters than colours begin again."""
    return NEUTRAL if cluster < 0 else f"@cluster-{cluster % len(_CLUSTERS_LIGHT)}"


def class_colour(index: int) -> str:
    """Name of the colour of the class with this index."""
    return f"@class-{index % len(_CLASSES)}"
