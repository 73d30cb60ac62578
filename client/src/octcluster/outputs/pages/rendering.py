"""Makes one HTML file of a page's parts."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources

from octcluster.outputs.pages.colours import DARK, LIGHT
from octcluster.outputs.pages.parts import CellValue, Page, Table
from octcluster.outputs.wording.words import RESEARCH_USE_ONLY, show_text
from octcluster.workflows.result_files import PAGE_PREFIX

# Plotly's bundle of two-dimensional plots, as its makers publish it: docs/decisions/0020-small-plotly.md.
PLOT_LIBRARY = "plotly-cartesian.min.js"
_PACKAGE = "octcluster.outputs.pages"


def format_page(page: Page, started: datetime) -> bytes:
    """Formats a page.

    Args:
        page: What it shows.
        started: When the work began, with a time zone.

    Returns:
        The file's content, UTF-8.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined  # noqa: PLC0415
    from markupsafe import Markup  # noqa: PLC0415

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(_PACKAGE, ""), PackageLoader("octcluster.outputs", "")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cell": format_cell, "shown": show_text}
    library = [_read(PLOT_LIBRARY)] if page.plots else []
    scripts = [*library, _read("page.js"), *page.scripts]
    rendered = environment.get_template("page.html.jinja").render(
        page=page,
        page_prefix=PAGE_PREFIX,
        research_use_only=RESEARCH_USE_ONLY,
        started=started.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        light=LIGHT,
        dark=DARK,
        style=Markup(_read("page.css") + page.style),  # noqa: S704
        data={
            "colours": {"light": LIGHT, "dark": DARK},
            "plots": {plot.identifier: {"data": plot.traces, "layout": plot.layout} for plot in page.plots},
            "tables": {name: _describe_download(table) for name, table in page.downloads.items()},
            **page.data,
        },
        scripts=[Markup(script) for script in scripts],  # noqa: S704
        script_digests=[_digest(script) for script in scripts],
    )
    return rendered.encode("utf-8")


def format_cell(value: CellValue) -> str:
    """A table's value as a reader sees it."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, str):
        return show_text(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:z.3f}" if abs(value) < 10 else f"{value:,.1f}"


def read_source(name: str) -> str:
    """A page's own script or style sheet, by its path in octcluster/outputs."""
    return resources.files("octcluster.outputs").joinpath(name).read_text(encoding="utf-8")


def _read(name: str) -> str:
    return resources.files(_PACKAGE).joinpath(name).read_text(encoding="utf-8")


def _describe_download(table: Table) -> dict[str, Sequence[object]]:
    rows = [[show_text(cell) if isinstance(cell, str) else cell for cell in row] for row in table.rows]
    return {"header": table.header, "rows": rows}


def _digest(script: str) -> str:
    """The script's source expression in a Content-Security-Policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
