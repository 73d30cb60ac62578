"""What pages are made of."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from octcluster.outputs.wording.words import show_text

CellValue = str | int | float | None
MAX_PLOTTED_NAME = 24
PSEUDONYMOUS = (
    "This page holds no file name and no patient field; class names are shown as they were given, so look at "
    "them before you pass it on."
)
WITH_PICTURES = (
    "This page shows images of patients, without a file name or a patient field: treat it as you treat their "
    "scans."
)
IDENTIFIED = "This page names images and patients, as was asked for: treat it as you treat patients' data."


@dataclass(frozen=True)
class Text:
    """Paragraphs, with a heading if it has one.

    Attributes:
        paragraphs: Plain sentences.
        heading: Heading of the third level, or empty.
        kind: Name of the part in the templates.
    """

    paragraphs: Sequence[str]
    heading: str = ""
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Table:
    """A table, with its values as CSV to download.

    Attributes:
        identifier: Identifier in the page, and name of the CSV file.
        title: Caption.
        header: Names of the columns.
        rows: The rows; the first cell names the row. None is an empty cell.
        collapsed: Whether the reader opens it first.
        sortable: Whether a click on a heading sorts it; for a table that is a part by itself.
        kind: See Text.
    """

    identifier: str
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[CellValue]]
    collapsed: bool = False
    sortable: bool = False
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Plot:
    """One Plotly figure, with its content in words and as a table.

    Attributes:
        identifier: Identifier in the page, and name of the CSV file.
        title: Name of the plot.
        description: What it shows, for people who cannot see it and for those who can.
        traces: Plotly traces in plain JSON values; empty if a script of the page draws them.
        layout: Plotly layout; the page adds fonts, colours and margins.
        table: The content as a table, collapsed below the plot.
        csv: What is downloaded, as a table, where it is more than the table shows.
        tall: Whether it needs more height.
        kind: See Text.
    """

    identifier: str
    title: str
    description: str
    traces: Sequence[Mapping[str, object]]
    layout: Mapping[str, object]
    table: Table
    csv: Table | None = None
    tall: bool = False
    kind: ClassVar[str] = "plot"


@dataclass(frozen=True)
class Picture:
    """One image in a gallery.

    Attributes:
        caption: What it is called: a pseudonym, or its name if that may be shown.
        note: A few words about it, or empty.
        source: Its thumbnail as a data: address, or empty.
    """

    caption: str
    note: str = ""
    source: str = ""


@dataclass(frozen=True)
class Gallery:
    """Pictures in a row.

    Attributes:
        title: What they have in common.
        pictures: The pictures.
        kind: See Text.
    """

    title: str
    pictures: Sequence[Picture]
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Fragment:
    """A part that one page alone has: a template out of octcluster/outputs with what it shows.

    Attributes:
        template: Name of the template.
        context: The template's variables; ``parts`` are the macros of parts.html.jinja.
        downloads: Tables that its buttons hand out as CSV.
        kind: See Text.
    """

    template: str
    context: Mapping[str, object]
    downloads: Sequence[Table] = ()
    kind: ClassVar[str] = "fragment"


Part = Text | Table | Plot | Gallery | Fragment


@dataclass(frozen=True)
class Section:
    """A heading with parts below it.

    Attributes:
        identifier: Identifier in the page.
        title: Heading, also in the list of contents.
        parts: What it holds.
    """

    identifier: str
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Tile:
    """One figure, large; ``note`` is small below it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        title: Heading.
        answer: The answer in sentences, the most important first.
        sections: The evidence.
        privacy: What it tells about patients: PSEUDONYMOUS or IDENTIFIED.
        stop: Why the answer must not be relied on, in sentences, the verdict first; empty if it may.
        standouts: What stands out, in sentences; empty if nothing does.
        tiles: The most important figures.
        facts: How it was made, as name and value.
        style: Style sheet of this page alone, after the common one.
        scripts: Scripts of this page alone, their source.
        data: JSON values for these scripts, by the identifier of their element.
        marks: What its head says of the run, by name.
    """

    title: str
    answer: Sequence[str]
    sections: Sequence[Section]
    privacy: str
    stop: Sequence[str] = ()
    standouts: Sequence[str] = ()
    tiles: Sequence[Tile] = ()
    facts: Sequence[tuple[str, str]] = ()
    style: str = ""
    scripts: Sequence[str] = ()
    data: Mapping[str, object] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)

    @property
    def plots(self) -> list[Plot]:
        """All plots of all sections."""
        return [part for section in self.sections for part in section.parts if isinstance(part, Plot)]

    @property
    def downloads(self) -> dict[str, Table]:
        """What can be downloaded as CSV, by name of the file: tables, and what plots show."""
        found: dict[str, Table] = {}
        for part in (part for section in self.sections for part in section.parts):
            if isinstance(part, Plot):
                found[part.identifier] = part.csv or part.table
            elif isinstance(part, Table):
                found[part.identifier] = part
            elif isinstance(part, Fragment):
                found |= {table.identifier: table for table in part.downloads}
        return found


def plot_text(text: str, longest: int = MAX_PLOTTED_NAME) -> str:
    """Text from outside for a plot: short, and with no meaning as Plotly's markup."""
    shown = show_text(text)
    if len(shown) > longest:
        shown = shown[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return html.escape(shown, quote=False)
