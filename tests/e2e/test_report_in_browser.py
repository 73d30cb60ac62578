"""The report in a real browser: it opens from disk, offline, with no error."""

from collections.abc import Iterator
from pathlib import Path

import machine
import pytest
from playwright.sync_api import Page, sync_playwright


@pytest.fixture
def page() -> Iterator[Page]:
    program = machine.browser()
    machine.need(program, "Chromium", "install the package chromium")
    with sync_playwright() as playwright:
        options = [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
        ]
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser.new_page()
        browser.close()


def test_opens_with_no_error_and_no_request(page: Page, first_run: Path) -> None:
    troubles: list[str] = []
    requests: list[str] = []
    page.on(
        "console",
        lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    report = (first_run / "report.html").as_uri()
    page.goto(report, wait_until="load")
    page.wait_for_selector(".js-plotly-plot .main-svg", state="attached", timeout=30_000)
    assert troubles == []
    # Images that plots draw for themselves are data: or blob: addresses; nothing may come from anywhere else.
    assert [url for url in requests if not url.startswith(("data:", "blob:"))] == [report]


@pytest.mark.parametrize("width", [375, 1280])
def test_fits_the_screen(page: Page, first_run: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto((first_run / "report.html").as_uri(), wait_until="load")
    page.wait_for_selector(".js-plotly-plot .main-svg", state="attached", timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
