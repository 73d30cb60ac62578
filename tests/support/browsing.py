"""A real browser on a page of octcluster, and what it complains of."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import machine
from playwright.sync_api import Browser, Page, sync_playwright
from waiting import wait_until

_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@contextmanager
def started_browser() -> Iterator[Browser]:
    """A Chromium; skips the test where there is none."""
    program = machine.browser()
    machine.need(program, "Chromium", "install the package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_OPTIONS)
        yield browser
        browser.close()


@contextmanager
def open_tab(browser: Browser) -> Iterator[Page]:
    """A tab that shares nothing with the browser's other ones."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield page
    page.context.close()


@dataclass
class Complaints:
    """What a tab has said and asked for since it was watched.

    Attributes:
        troubles: Errors and warnings of the console, and exceptions that nobody caught.
        requests: Addresses from outside the page; images that plots draw for themselves are none.
    """

    troubles: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def watch(page: Page) -> Complaints:
    """Begins to note the tab's complaints."""
    found = Complaints()
    page.on(
        "console",
        lambda message: found.troubles.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: found.troubles.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("data:", "blob:")) else found.requests.append(request.url)
        ),
    )
    return found


def wait_for(page: Page, condition: str) -> None:
    """Waits until a condition in JavaScript holds.

    From outside: the pages forbid what Playwright's own waiting does within them, to evaluate text.
    """
    wait_until(lambda: page.evaluate(condition))


def open_page(page: Page, file: Path) -> None:
    """Opens a page from disk and waits until every plot is drawn."""
    page.goto(file.as_uri(), wait_until="load")
    wait_for(page, "[...document.querySelectorAll('.plot')].every((plot) => plot.querySelector('.main-svg'))")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
