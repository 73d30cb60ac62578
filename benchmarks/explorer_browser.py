"""How soon the explorer's page of as many images as OCT2017 has can be used, and how its wall scrolls.

    .venv/bin/python benchmarks/explorer_browser.py [--images 84495] [--pictures 20000] [--jumps 12]

The result is made up; the images of its first cluster have files. Usable is when the map and the wall are
drawn and the browser's main thread answers again, counted from the start of the navigation. Then the wall of
the first cluster is scrolled to places all over it, whose pictures were never asked for: the time until every
tile on the screen has its picture. At last an act on all images of that cluster, until the page shows it.
Prints one JSON line. Chromium runs headless, and draws WebGL by the processor.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests/support"))

from explorers import running_explorer
from made_scans import MadeScans, make_result

_OPTIONS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
_SETTLED = """
() => {
  const box = document.querySelector(".wall").getBoundingClientRect();
  const tiles = [...document.querySelectorAll(".tile")].filter((tile) => {
    const place = tile.getBoundingClientRect();
    return place.bottom > box.top && place.top < box.bottom;
  });
  return tiles.length > 0 && tiles.every((tile) => tile.querySelector("img")?.naturalWidth > 0);
}
"""
_WAIT = f"""
(start) => new Promise((done) => {{
  const settled = {_SETTLED};
  const end = () => setTimeout(() => done(performance.now() - start));
  const look = () => (settled() ? end() : requestAnimationFrame(look));
  requestAnimationFrame(look);
}})
"""


def main() -> None:
    """Makes a result, opens its page, and prints one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=84_495)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--jumps", type=int, default=12, help="places that the wall is scrolled to")
    parser.add_argument("--runs", type=int, default=3, help="times that the page is opened")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = make_result(
            Path(folder),
            MadeScans(arguments.images, arguments.pictures, arguments.pictures, drawn_per_class=24),
        )
        with (
            running_explorer(result, "--cache-dir", Path(folder) / "cache") as explorer,
            sync_playwright() as tool,
        ):
            browser = tool.chromium.launch(executable_path="/usr/bin/chromium", args=_OPTIONS)
            usable = []
            for _ in range(arguments.runs):
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                usable.append(_open(page, explorer.address))
                if len(usable) < arguments.runs:
                    page.close()
            figures = {
                "images": arguments.images,
                "usable_seconds": [round(value, 2) for value in usable],
                **_scroll(page, arguments.jumps),
                **_act(page),
                "server_peak_mib": _peak_mib(explorer.process.pid) if explorer.process else None,
                "load": round(os.getloadavg()[0], 1),
            }
            browser.close()
    print(json.dumps(figures))


def _open(page: Page, address: str) -> float:
    """Seconds from the start of the navigation until the page can be used."""
    page.goto(address, wait_until="commit")
    page.wait_for_selector("html[data-ready] .tile")
    # Only the first cluster has pictures, and the wall begins with typical images of all.
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
    )
    return float(page.evaluate("performance.now()")) / 1000


def _scroll(page: Page, jumps: int) -> dict[str, object]:
    """Milliseconds until all pictures on the screen are there, at places never seen before."""
    page.locator(".groups li .group").first.click()
    page.evaluate(_WAIT, 0)
    taken = []
    for jump in range(jumps):
        share = (jump * 0.618 + 0.31) % 1
        start = page.evaluate(
            "(share) => { const wall = document.querySelector('.wall'); const start = performance.now();"
            " wall.scrollTop = share * (wall.scrollHeight - wall.clientHeight); return start; }",
            share,
        )
        taken.append(float(page.evaluate(_WAIT, start)))
        time.sleep(0.2)
    return {
        "tiles_drawn": page.locator(".tile").count(),
        "pictures_ms_best": round(min(taken)),
        "pictures_ms_median": round(statistics.median(taken)),
        "pictures_ms_worst": round(max(taken)),
    }


def _act(page: Page) -> dict[str, object]:
    """Seconds that it takes to mark 20,000 images as unusable, and to undo it, until the page shows it."""
    page.get_by_role("button", name="Select all", exact=True).click()
    page.get_by_role("button", name="Unusable", exact=True).click()
    page.get_by_label("Your name").fill("Benchmark")
    start = time.perf_counter()
    page.keyboard.press("Enter")
    page.locator(".tile.unusable").first.wait_for()
    done = time.perf_counter()
    page.keyboard.press("Control+z")
    page.locator(".tile:not(.unusable)").first.wait_for()
    return {"act_seconds": round(done - start, 2), "undo_seconds": round(time.perf_counter() - done, 2)}


def _peak_mib(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    main()
