"""The page that ``run``, ``study`` and ``describe`` leave: its parts, and the file that is made of them.

Every page is one self-contained HTML file that opens offline. It begins with an answer in words, and shows
plots and tables in light, dark, on paper, at 375 px, by keyboard and to a screen reader. A page is data, not
a template::

    from octcluster.outputs.pages import (Page, Plot, Section, Table, Text, Tile, format_page)

    rows = [["CNV", 37205], ["DME", 11348]]
    counts = Table("images-by-class", "Images by class", ["class", "images"], rows)
    bars = Plot(
        identifier="counts",
        title="Images by class",
        description="One bar a class; CNV has most images.",  # for those who cannot see it as well
        traces=[{"type": "bar", "x": ["CNV", "DME"], "y": [37205, 11348], "marker": {"color": "@class-0"}}],
        layout={"yaxis": {"title": {"text": "images"}}},
        table=counts,
    )
    page = Page(
        title="84,495 OCT images",
        answer=["The folder holds 84,495 images in 4 classes.", "Nothing stands out."],
        tiles=[Tile("images", "84,495")],
        sections=[Section("counts-section", "How many there are", [Text(["By class:"]), bars])],
        facts=[("versions", "octcluster 0.1.0")],
        privacy=PSEUDONYMOUS,
    )
    (folder / "describe.html").write_bytes(format_page(page, started))

- Cells of tables are plain values: the page shows ``1234`` as 1,234 and ``0.51234`` as 0.512, and the CSV
  that a reader downloads below each plot and table has them in full.
- Colours are names (``cluster_colour``, ``class_colour``, ``NEUTRAL``), never hexadecimal numbers: each theme
  has its own.
- Text from outside (class names) is escaped by the page; in traces and layouts it goes through ``plot_text``.
- A ``Gallery`` shows pictures from ``thumbnails.make_thumbnail``, or pseudonyms where there are none.
- A ``Fragment`` is a Jinja2 template of a page's own, and ``Page.scripts`` are scripts of its own;
  ``page.js`` says what they can use.
"""

from octcluster.outputs.pages.colours import NEUTRAL, class_colour, cluster_colour
from octcluster.outputs.pages.parts import (
    IDENTIFIED,
    PSEUDONYMOUS,
    WITH_PICTURES,
    Fragment,
    Gallery,
    Page,
    Picture,
    Plot,
    Section,
    Table,
    Text,
    Tile,
    plot_text,
)
from octcluster.outputs.pages.rendering import format_page
from octcluster.outputs.pages.report_options import ReportOptions

__all__ = [
    "IDENTIFIED",
    "NEUTRAL",
    "PSEUDONYMOUS",
    "WITH_PICTURES",
    "Fragment",
    "Gallery",
    "Page",
    "Picture",
    "Plot",
    "ReportOptions",
    "Section",
    "Table",
    "Text",
    "Tile",
    "class_colour",
    "cluster_colour",
    "format_page",
    "plot_text",
]
