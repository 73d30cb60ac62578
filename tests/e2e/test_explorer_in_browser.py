"""The page of ``octcluster explore`` in a real browser: looking, and every act that needs no other server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import watched
from explorer_pages import assert_quiet, choose, draw_around, group, open_explorer, sizes, tiles, undo, wall
from explorers import WHO, Caller, running_explorer
from made_scans import MadeScans, make_result
from playwright.sync_api import Page, expect

SCANS = MadeScans()


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_result(tmp_path_factory.mktemp("explored"), SCANS)


@pytest.fixture(scope="module")
def explorer(result: Path) -> Iterator[Caller]:
    with running_explorer(result, "--cache-dir", result.parent / "cache") as caller:
        yield caller


@pytest.fixture
def page(tab: Page, explorer: Caller) -> Page:
    """The page as it opens, with somebody at work, and nothing done that is not undone."""
    tab.goto("about:blank")
    while explorer.state()["canUndo"]:
        explorer.step("undo")
    open_explorer(tab, explorer)
    return tab


def test_opens_with_no_error_and_asks_only_its_own_server(tab: Page, explorer: Caller) -> None:
    with watched(tab) as complaints:
        open_explorer(tab, explorer)
        expect(tiles(tab).first.locator("img")).to_have_js_property("complete", True)
        expect(tab.locator(".map-frame")).to_have_attribute("data-painter", "webgl")
    assert_quiet(complaints)
    # Only what is on the screen is in the page.
    assert 0 < tiles(tab).count() < SCANS.images / 2
    assert complaints.requests
    assert all(address.startswith(explorer.address) for address in complaints.requests)


def test_shows_no_name_of_a_file_or_a_patient(page: Page) -> None:
    text = page.locator("body").inner_text() + page.content()
    assert "image " in text
    assert not re.search(r"SECRET|scan-0|jpeg", text)


def test_pictures_are_those_of_the_images(page: Page) -> None:
    picture = tiles(page).first.locator("img")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("(image) => image.naturalWidth") > 60


def test_name_and_undo(page: Page, explorer: Caller) -> None:
    choose(page, "cluster 0")
    page.get_by_role("button", name="Name…").click()
    page.get_by_label("Name", exact=True).fill("Drusen, soft")
    page.keyboard.press("Enter")
    expect(group(page, "Drusen, soft")).to_be_visible()
    expect(page.get_by_role("status").last).to_contain_text("cluster 0 is now called Drusen, soft")
    assert sizes(explorer)["Drusen, soft"] == SCANS.first
    undo(page)
    expect(group(page, "cluster 0")).to_be_visible()
    assert "Drusen, soft" not in sizes(explorer)


def test_note_and_undo(page: Page, explorer: Caller) -> None:
    choose(page, "cluster 1")
    page.get_by_role("button", name="Note…").click()
    page.get_by_role("textbox", name="Note").fill("Look again.\nMany are dark.")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator(".note")).to_have_text("Look again.\nMany are dark.")
    undo(page)
    expect(page.locator(".note")).to_have_count(0)
    assert not any(each["note"] for each in explorer.state()["groups"])


def test_merge_and_undo(page: Page, explorer: Caller) -> None:
    before = sizes(explorer)
    for name in ("cluster 1", "cluster 2"):
        group(page, name).get_by_role("checkbox").check()
    page.get_by_role("button", name="Merge 2 groups").click()
    page.get_by_label("Name of the merged group").fill("Fluid")
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(group(page, "Fluid")).to_contain_text(str(before["cluster 1"] + before["cluster 2"]))
    assert len(sizes(explorer)) == len(before) - 1
    undo(page)
    expect(group(page, "cluster 2")).to_be_visible()
    assert sizes(explorer) == before


def test_move_by_keys_and_undo(page: Page, explorer: Caller) -> None:
    before = sizes(explorer)
    choose(page, "cluster 0")
    wall(page).focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "m"):
        page.keyboard.press(key)
    expect(page.get_by_role("dialog", name="Move 3 images")).to_be_visible()
    # A digit is a place in the list of groups; the first one is where the images are.
    page.keyboard.press("1")
    expect(page.get_by_role("button", name="cluster 0").last).to_be_disabled()
    page.keyboard.press("2")
    expect(page.get_by_role("status").last).to_contain_text("3 images moved to cluster 1")
    assert sizes(explorer)["cluster 1"] == before["cluster 1"] + 3
    page.keyboard.press("Control+z")
    expect(page.get_by_role("status").last).to_contain_text("Undone")
    assert sizes(explorer) == before


def test_move_by_dragging(page: Page, explorer: Caller) -> None:
    before = sizes(explorer)
    choose(page, "cluster 0")
    tiles(page).nth(1).drag_to(group(page, "cluster 3"))
    expect(page.get_by_role("status").last).to_contain_text("1 image moved to cluster 3")
    assert sizes(explorer)["cluster 3"] == before["cluster 3"] + 1


def test_new_group_of_selected_images(page: Page, explorer: Caller) -> None:
    choose(page, "cluster 0")
    tiles(page).nth(0).click()
    tiles(page).nth(3).click(modifiers=["Shift"])
    page.get_by_role("button", name="Move…").click()
    page.get_by_label("Or into a new group called").fill("Odd ones")
    page.keyboard.press("Enter")
    expect(group(page, "Odd ones")).to_contain_text("4")
    assert sizes(explorer)["cluster 0"] == SCANS.first - 4
    undo(page)
    expect(group(page, "Odd ones")).to_have_count(0)


def test_lasso_splits_a_group(page: Page, explorer: Caller) -> None:
    choose(page, "cluster 0")
    page.get_by_role("button", name="Lasso").click()
    draw_around(page, page.locator(".map-frame"))
    expect(page.locator(".chip")).to_contain_text(f"Lasso: {SCANS.first} images")
    expect(page.get_by_text(f"{SCANS.first} images selected", exact=True)).to_be_visible()
    # All but one, so that the group remains.
    tiles(page).first.click(modifiers=["Control"])
    page.get_by_role("button", name="Move…").click()
    page.get_by_label("Or into a new group called").fill("Lassoed")
    page.keyboard.press("Enter")
    expect(group(page, "Lassoed")).to_contain_text(str(SCANS.first - 1))
    undo(page)
    expect(group(page, "Lassoed")).to_have_count(0)


def test_unusable_and_usable_again(page: Page, explorer: Caller) -> None:
    tiles(page).nth(2).click()
    page.keyboard.press("u")
    expect(tiles(page).nth(2)).to_have_class(re.compile("unusable"))
    assert explorer.state()["unusable"] == 1
    page.get_by_role("button", name="Usable", exact=True).click()
    expect(page.locator(".tile.unusable")).to_have_count(0)
    assert explorer.state()["unusable"] == 0


def test_acts_in_the_large_view_can_be_undone_there(page: Page, explorer: Caller) -> None:
    tiles(page).first.dblclick()
    page.keyboard.press("u")
    large = page.locator("dialog.large")
    expect(large.get_by_role("status").last).to_contain_text("1 image marked as unusable")
    assert explorer.state()["unusable"] == 1
    large.get_by_role("button", name="Undo").click()
    expect(large.get_by_role("status").last).to_contain_text("Undone")
    assert explorer.state()["unusable"] == 0


def test_label_and_take_it_away(page: Page, explorer: Caller) -> None:
    tiles(page).nth(0).click()
    page.keyboard.press("l")
    page.get_by_label("Label", exact=True).fill("edema")
    page.keyboard.press("Enter")
    expect(tiles(page).nth(0)).to_contain_text("edema")
    assert explorer.state()["labels"] == 1
    # The same word in other letters is asked about.
    page.keyboard.press("l")
    page.get_by_label("Label", exact=True).fill("Edema")
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_role("button", name="edema").click()
    expect(tiles(page).nth(0)).to_contain_text("edema")
    assert explorer.state()["labelValues"].count("Edema") == 0
    page.keyboard.press("l")
    page.get_by_role("button", name="Take the label away").click()
    expect(page.locator(".tile b")).to_have_count(0)
    assert explorer.state()["labels"] == 0


def test_history_tells_who_did_what(page: Page, explorer: Caller) -> None:
    choose(page, "cluster 0")
    page.keyboard.press("n")
    page.get_by_label("Name", exact=True).fill("Kept")
    page.keyboard.press("Enter")
    expect(group(page, "Kept")).to_be_visible()
    page.get_by_role("button", name="History").click()
    history = page.get_by_role("dialog", name="History")
    first = history.get_by_role("row").nth(1)
    expect(first).to_contain_text("Kept")
    expect(first).to_contain_text(WHO)
    history.get_by_role("button", name="Undo the last act").click()
    expect(history.locator("tr.undone").first).to_contain_text("Kept")
    history.get_by_role("button", name="Redo").click()
    page.keyboard.press("Escape")
    expect(group(page, "Kept")).to_be_visible()


def test_another_window_is_told_that_the_state_has_changed(page: Page, explorer: Caller) -> None:
    choose(page, "cluster 0")
    explorer.do(kind="name", group="c1", name="Elsewhere")
    page.keyboard.press("n")
    page.get_by_label("Name", exact=True).fill("Here")
    page.keyboard.press("Enter")
    expect(page.locator(".toast.trouble")).to_be_visible()
    # Nothing of the other window is lost, and this one shows it.
    expect(group(page, "Elsewhere")).to_be_visible()
    assert "Here" not in sizes(explorer)


def test_exports_are_written_beside_the_result(page: Page, explorer: Caller, result: Path) -> None:
    explorer.do(kind="name", group="c0", name="Drusen")
    page.reload()
    page.get_by_role("button", name="Export").click()
    page.get_by_role("button", name="Write the files beside the result").click()
    expect(page.get_by_role("dialog", name="Export").get_by_role("status").first).not_to_be_empty()
    assert json.loads((result / "exports" / "names.json").read_text())
