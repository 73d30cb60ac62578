"""The page of ``octcluster explore`` with the vectors of a real run: neighbours, parts, suggestions."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from explorer_pages import choose, group, open_explorer, sizes, tiles, undo
from explorers import Caller, running_explorer
from playwright.sync_api import Page, expect

# The vectors are prepared once, by servers that are started for it.
_PREPARATION_MS = 120_000


@pytest.fixture(scope="module")
def explorer(first_run: Path, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    result = tmp_path_factory.mktemp("explored") / "result"
    shutil.copytree(first_run, result)
    with running_explorer(result, "--cache-dir", cache_dir) as caller:
        yield caller


@pytest.fixture
def page(tab: Page, explorer: Caller) -> Page:
    open_explorer(tab, explorer)
    return tab


def test_more_like_this(page: Page) -> None:
    choose(page, "cluster 0")
    tiles(page).first.dblclick()
    near = page.get_by_role("region", name="More like this").get_by_role("listitem")
    expect(near).to_have_count(24, timeout=_PREPARATION_MS)
    page.get_by_role("button", name="Show on the wall").click()
    expect(page.locator(".chip")).to_contain_text("Like one image: 25 images")
    page.locator(".group.all").click()
    expect(tiles(page)).to_have_count(25)


def test_split_by_clustering_again_and_undo(page: Page, explorer: Caller) -> None:
    before = sizes(explorer)
    choose(page, "cluster 0")
    page.get_by_role("button", name="Split…").click()
    page.get_by_label("Number of parts").fill("2")
    page.get_by_role("button", name="Cluster again").click()
    page.get_by_label("Part 1").fill("Large part", timeout=_PREPARATION_MS)
    # Nothing has changed yet.
    assert sizes(explorer) == before
    page.get_by_label("Part 2").fill("Small part")
    page.get_by_role("button", name="Split so").click()
    expect(group(page, "Large part")).to_be_visible()
    after = sizes(explorer)
    assert after["Large part"] + after["Small part"] == before["cluster 0"]
    assert after["Large part"] >= after["Small part"]
    undo(page)
    expect(group(page, "cluster 0")).to_be_visible()
    assert sizes(explorer) == before


def test_labels_spread_to_the_rest_and_undo(page: Page, explorer: Caller) -> None:
    classes = explorer.ask("api/result").json["classes"]
    arrays, _ = explorer.columns()
    for code, name in enumerate(classes[:2]):
        rows = [int(row) for row in (arrays["class"] == code).nonzero()[0][:3]]
        explorer.do(kind="label", rows=rows, label=name)
    open_explorer(page, explorer)
    page.locator(".labels summary").click()
    page.get_by_role("button", name="Suggest labels for the rest").click()
    expect(page.locator(".suggested")).to_contain_text("Certainty", timeout=_PREPARATION_MS)
    page.get_by_role("button", name="worth asking next").click()
    expect(page.locator(".chip")).to_contain_text("Worth asking next")
    page.get_by_role("button", name="Colour the map by certainty").click()
    expect(page.locator(".legend")).to_contain_text("Certainty")
    page.get_by_role("button", name="Label the rest so").click()
    expect(page.get_by_role("status").last).to_contain_text("labelled as suggested")
    spread = explorer.state()["labels"]
    assert spread > 6
    undo(page)
    assert explorer.state()["labels"] == 6
