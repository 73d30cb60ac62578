"""Size of the report of as many images as OCT2017 has, and how soon headless Chromium lets a reader use it.

    .venv/bin/python benchmarks/report_size.py [--images 84495] [--runs 3]

Interactive is when the page is loaded, every plot is drawn, and the browser's main thread answers again,
counted from the start of the navigation; then a cell of the table of classes and clusters is chosen, and the
time until everything is highlighted is taken as well. The images are made up, with two sets of coordinates.
"""

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from octcluster.outputs.run.report import format_report
from octcluster.workflows.outcome import RunOutcome
from playwright.sync_api import Page, sync_playwright

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests/support"))

from outcomes import CLASSES, add_trust, make_outcome

_ANSWERS = (
    "() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"
)
_OPTIONS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]


def main() -> None:
    """Writes the report, opens it a few times and prints one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=84_495)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    outcome = _make_outcome(options.images)
    began = time.perf_counter()
    content = format_report(outcome, datetime.now(UTC))
    written = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        file.write_bytes(content)
        opened = [_open(file) for _ in range(options.runs)]
    print(
        json.dumps(
            {
                "images": len(outcome.members),
                "megabytes": round(len(content) / 1e6, 2),
                "seconds_to_write": round(written, 2),
                "seconds_to_interactive": round(statistics.median(seconds for seconds, _ in opened), 2),
                "seconds_to_highlight": round(statistics.median(seconds for _, seconds in opened), 2),
            }
        )
    )


def _make_outcome(images: int) -> RunOutcome:
    per_class = -(-images // len(CLASSES))
    outcome = add_trust(make_outcome(images_per_class=per_class, failed=per_class * len(CLASSES) - images))
    source = random.Random(0)
    umap = [[source.gauss(3.0 * cluster, 1) for cluster in outcome.assignments.clusters] for _ in range(2)]
    return replace(outcome, assignments=replace(outcome.assignments, umap_x=umap[0], umap_y=umap[1]))


def _open(file: Path) -> tuple[float, float]:
    """Seconds until the page can be used, and seconds until a cell is highlighted."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_OPTIONS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(file.as_uri(), wait_until="load")
        interactive = page.evaluate(_ANSWERS) / 1000
        highlighted = _choose(page)
        browser.close()
    return interactive, highlighted


def _choose(page: Page) -> float:
    began = page.evaluate("performance.now()")
    page.locator(".contingency td button").first.evaluate("(button) => button.click()")
    return float(page.evaluate(_ANSWERS) - began) / 1000


if __name__ == "__main__":
    main()
