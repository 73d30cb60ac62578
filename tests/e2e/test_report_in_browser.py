"""The report in a real browser: its linked views, by mouse and by keyboard."""

from pathlib import Path
from typing import Any

import pytest
from browsing import open_page
from playwright.sync_api import Page


@pytest.fixture
def opened(page: Page, first_run: Path) -> Page:
    open_page(page, first_run / "report.html")
    return page


def read_selection(page: Page) -> str:
    shown = page.inner_text("#selection p")
    assert page.text_content("[role=status]") == shown
    return shown


def count_bright_points(page: Page) -> Any:
    """Number of points of the scatter that are not faint, as its legend holds them."""
    return page.evaluate(
        """document.getElementById("scatter").data.filter(({ meta }) => meta)
           .reduce((sum, { meta }) => sum + meta.chosen, 0)"""
    )


def sum_ink(page: Page) -> Any:
    """How much colour the points have together."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    return page.evaluate(
        """(() => {
          const canvas = document.getElementById("scatter-points");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let sum = 0;
          for (let place = 3; place < data.length; place += 4) sum += data[place];
          return sum;
        })()"""
    )


def find_point(page: Page) -> tuple[float, float]:
    """Where on the screen the first image's point is."""
    page.locator("#scatter").scroll_into_view_if_needed()
    left, top = page.evaluate(
        """(() => {
          const points = octcluster.read("points");
          const first = (column) => {
            const bytes = Uint8Array.from(atob(column.base64), (letter) => letter.charCodeAt(0));
            return new Float32Array(bytes.buffer)[0];
          };
          const canvas = document.getElementById("scatter-points").getBoundingClientRect();
          const { xaxis, yaxis } = document.getElementById("scatter").layout;
          const share = (value, [from, to]) => (value - from) / (to - from);
          return [
            canvas.left + canvas.width * share(first(points.views[0].x), xaxis.range),
            canvas.bottom - canvas.height * share(first(points.views[0].y), yaxis.range),
          ];
        })()"""
    )
    return left, top


def test_every_image_has_its_point(opened: Page, first_run: Path) -> None:
    images = len((first_run / "assignments.csv").read_text().splitlines()) - 1
    assert count_bright_points(opened) == images
    assert sum_ink(opened) > 0


def test_hover_shows_the_pseudonym_and_the_scores_of_the_point_below(opened: Page) -> None:
    left, top = find_point(opened)
    opened.mouse.move(left, top)
    tip = opened.inner_text("#scatter-tip").splitlines()
    assert opened.is_visible("#scatter-tip")
    assert tip[0].startswith("image ")
    assert tip[1].startswith("cluster ")
    assert tip[2].startswith("class ")
    assert tip[3].startswith("silhouette ")
    opened.mouse.move(1, 1)
    assert not opened.is_visible("#scatter-tip")


def test_a_point_chosen_by_click_highlights_its_cluster_and_a_drag_only_zooms(opened: Page) -> None:
    left, top = find_point(opened)
    opened.mouse.move(left, top)
    named = opened.inner_text("#scatter-tip").splitlines()[1]
    before = sum_ink(opened)
    opened.mouse.click(left, top)
    assert read_selection(opened).startswith(f"{named}:")
    assert sum_ink(opened) < before
    opened.keyboard.press("Escape")
    ranges = opened.evaluate('document.getElementById("scatter").layout.xaxis.range')
    opened.mouse.move(left, top)
    opened.mouse.down()
    opened.mouse.move(left + 90, top + 90, steps=4)
    opened.mouse.up()
    assert not opened.is_visible("#selection")
    assert opened.evaluate('document.getElementById("scatter").layout.xaxis.range') != ranges


def test_a_name_in_the_legend_chooses_its_cluster(opened: Page) -> None:
    opened.locator("#scatter").scroll_into_view_if_needed()
    opened.locator("#scatter .legendtoggle").first.click()
    opened.wait_for_selector("#selection", state="visible", timeout=30_000)
    assert read_selection(opened).startswith("cluster 0:")


def test_a_cell_chosen_by_click_is_highlighted_everywhere(opened: Page) -> None:
    every = count_bright_points(opened)
    cell = opened.locator(".contingency td.matched button").first
    images = int(cell.inner_text().replace(",", ""))
    cell.click()
    assert count_bright_points(opened) == images < every
    assert f"{images:,} image" in read_selection(opened)
    assert cell.get_attribute("aria-pressed") == "true"
    cluster = cell.get_attribute("data-select-cluster")
    assert opened.locator(".card.lit").get_attribute("data-cluster") == cluster
    opacities = opened.evaluate('document.getElementById("silhouettes").data.map((t) => [t.meta, t.opacity])')
    assert [meta for meta, opacity in opacities if opacity == 1] == [int(cluster or -2)]
    cell.click()
    assert count_bright_points(opened) == every
    assert not opened.is_visible("#selection")


def test_a_cluster_chosen_by_keyboard_shows_its_images_and_escape_ends_it(opened: Page) -> None:
    every = count_bright_points(opened)
    button = opened.locator(".card header button").first
    size = int(opened.locator(".card .size").first.inner_text().split()[0].replace(",", ""))
    button.focus()
    opened.keyboard.press("Enter")
    assert count_bright_points(opened) == size < every
    opened.locator('[data-selection="list"]').focus()
    opened.keyboard.press("Enter")
    assert opened.locator("#selected tbody tr").count() == min(size, 200)
    assert opened.locator("#selected tbody th").first.inner_text().startswith("image ")
    opened.keyboard.press("Escape")
    assert count_bright_points(opened) == every


def test_a_box_of_the_silhouettes_chooses_its_cluster(opened: Page) -> None:
    opened.locator("#silhouettes").scroll_into_view_if_needed()
    box = opened.locator("#silhouettes .boxlayer .trace path.box").first.bounding_box()
    assert box is not None
    opened.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.wait_for_selector("#selection", state="visible", timeout=30_000)
    assert "cluster 0" in read_selection(opened)


@pytest.mark.parametrize("colouring", ["class", "agreement", "silhouette"])
def test_points_can_be_coloured_in_other_ways(opened: Page, colouring: str) -> None:
    def colours() -> object:
        return opened.evaluate('document.getElementById("scatter").data.map((t) => [t.name, t.meta])')

    before = colours()
    opened.click(f'[data-colour-by="{colouring}"]')
    assert opened.get_attribute(f'[data-colour-by="{colouring}"]', "aria-pressed") == "true"
    assert colours() != before


def test_points_can_be_laid_out_by_umap(opened: Page) -> None:
    opened.click('[data-view="1"]')
    assert "UMAP" in opened.evaluate('document.getElementById("scatter").layout.xaxis.title.text')
