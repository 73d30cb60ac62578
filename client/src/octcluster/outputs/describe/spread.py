"""How widely a measure of images spreads, by class: a plot and a table for the page of a description."""

from collections.abc import Mapping

from octcluster.outputs.describe.words import UNKNOWN
from octcluster.outputs.pages import NEUTRAL, Plot, Table, class_colour, plot_text
from octcluster.workflows.description import Description, Spread

_SPREAD_TITLES = ("images", "mean", "standard deviation", "minimum", "lower quartile", "median")
_UNITS = {"width": "pixels", "height": "pixels", "file_bytes": "bytes"}
_NAMES = {"width": "width", "height": "height", "file_bytes": "file size"}


def plot_spread(description: Description, name: str, spreads: Mapping[str | None, Spread]) -> Plot:
    """Boxes of a measure of the images, one a class."""
    traces = [
        {
            "type": "box",
            "name": plot_text(label or UNKNOWN),
            "x": [plot_text(label or UNKNOWN)],
            "lowerfence": [spread.minimum],
            "q1": [spread.lower_quartile],
            "median": [spread.median],
            "q3": [spread.upper_quartile],
            "upperfence": [spread.maximum],
            "mean": [spread.mean],
            "marker": {"color": colour_of(description, label)},
        }
        for label, spread in spreads.items()
    ]
    return Plot(
        identifier=f"{name}-plot",
        title=f"{_NAMES[name].capitalize()} by class",
        description="Smallest, quartiles and largest "
        + f"{_NAMES[name]} of the images of each class, in {_UNITS[name]}. "
        + "; ".join(
            f"{label or UNKNOWN}: "
            + (
                f"all {spread.minimum:,}"
                if spread.minimum == spread.maximum
                else f"{spread.minimum:,} to {spread.maximum:,}, median {spread.median:,.0f}"
            )
            for label, spread in spreads.items()
        )
        + ".",
        traces=traces,
        layout={"yaxis": _spread_axis(name, spreads), "showlegend": False},
        table=tabulate_spread(name, spreads),
    )


def _spread_axis(name: str, spreads: Mapping[str | None, Spread]) -> dict[str, object]:
    """From 0 where all images are the same: an axis of a hair's breadth would show fractions of a pixel."""
    axis: dict[str, object] = {"title": {"text": f"{_NAMES[name]} ({_UNITS[name]})"}}
    ends = {end for spread in spreads.values() for end in (spread.minimum, spread.maximum)}
    return {**axis, "range": [0, 1.2 * max(ends)]} if len(ends) == 1 else axis


def tabulate_spread(name: str, spreads: Mapping[str | None, Spread]) -> Table:
    """A measure of the images in figures, a row a class."""
    return Table(
        f"{name}-table",
        f"{_NAMES[name].capitalize()} by class, in {_UNITS[name]}",
        ["class", *_SPREAD_TITLES, "upper quartile", "maximum"],
        [
            [
                label or UNKNOWN,
                spread.count,
                spread.mean,
                spread.standard_deviation,
                spread.minimum,
                spread.lower_quartile,
                spread.median,
                spread.upper_quartile,
                spread.maximum,
            ]
            for label, spread in spreads.items()
        ],
    )


def colour_of(description: Description, label: str | None) -> str:
    """Name of the colour of a class."""
    return NEUTRAL if label is None else class_colour(description.image_set.classes.index(label))
