"""A real browser on a page of octcluster, and what it complains of."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import machine
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Request,
    ViewportSize,
    sync_playwright,
)
from waiting import wait_until

_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_VIEWPORT: ViewportSize = {"width": 1280, "height": 900}


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
    """A tab for several pages: in a new one, the same page takes four times as long to open."""
    page = browser.new_page(viewport=_VIEWPORT)
    yield page
    page.context.close()


def empty_tab(page: Page) -> None:
    """Brings a tab into the state of a new one, whatever was done in it."""
    page.goto("about:blank")
    page.context.set_offline(False)
    page.emulate_media(media="null", color_scheme="null")
    page.set_viewport_size(_VIEWPORT)
    page.mouse.move(0, 0)


@dataclass
class Complaints:
    """What a tab has said and asked for while it was watched.

    Attributes:
        troubles: Errors and warnings of the console, and exceptions that nobody caught.
        requests: Addresses from outside the page; images that plots draw for themselves are none.
    """

    troubles: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def note_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)

    def note_exception(self, error: Error) -> None:
        self.troubles.append(str(error))

    def note_request(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.requests.append(request.url)


@contextmanager
def watched(page: Page) -> Iterator[Complaints]:
    """Notes the tab's complaints until the block ends."""
    found = Complaints()
    page.on("console", found.note_message)
    page.on("pageerror", found.note_exception)
    page.on("request", found.note_request)
    yield found
    page.remove_listener("console", found.note_message)
    page.remove_listener("pageerror", found.note_exception)
    page.remove_listener("request", found.note_request)


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
