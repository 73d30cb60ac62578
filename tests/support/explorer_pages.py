"""What tests of the explorer's page find and do on it."""

from browsing import Complaints
from explorers import WHO, Caller
from playwright.sync_api import Locator, Page, expect


def open_explorer(page: Page, explorer: Caller) -> None:
    page.goto(explorer.address)
    expect(page.locator("html[data-ready]")).to_be_attached()
    who = page.get_by_role("button", name="Your name")
    if who.count():
        who.click()
        page.get_by_label("Your name").fill(WHO)
        page.get_by_role("button", name="Go on").click()


def group(page: Page, name: str) -> Locator:
    """A group in the list of groups."""
    return page.locator(".groups li").filter(has=page.get_by_text(name, exact=True))


def sizes(explorer: Caller) -> dict[str, int]:
    return {each["name"]: each["images"] for each in explorer.state()["groups"]}


def wall(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Images")


def tiles(page: Page) -> Locator:
    return wall(page).get_by_role("option")


def choose(page: Page, name: str) -> None:
    group(page, name).get_by_role("button").click()
    expect(page.locator(".wall-head h2")).to_contain_text(name)


def undo(page: Page) -> None:
    page.get_by_role("navigation", name="Work").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status").last).to_contain_text("Undone")


def draw_around(page: Page, frame: Locator) -> None:
    box = frame.bounding_box()
    assert box is not None
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.05)]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for x, y in places[1:]:
        page.mouse.move(x, y, steps=4)
    page.mouse.up()


def assert_quiet(complaints: Complaints, expected: str = "GL Driver Message") -> None:
    """Chromium without a graphics card tells of its own speed; whatever else is expected, must be named."""
    known = ("GL Driver Message", expected)
    assert [text for text in complaints.troubles if not any(part in text for part in known)] == []
