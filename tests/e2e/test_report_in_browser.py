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


@pytest.fixture
def opened(page: Page, first_run: Path) -> Page:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto((first_run / "report.html").as_uri(), wait_until="load")
    page.wait_for_selector("#scatter .main-svg", state="attached", timeout=30_000)
    return page


def read_selection(page: Page) -> str:
    return page.inner_text("#selection [role=status]")


def count_bright_points(page: Page) -> int:
    """Number of points of the scatter that are not faint, as Plotly holds them."""
    return page.evaluate(
        """document.getElementById("scatter").data.filter((trace) => trace.opacity > 0.5)
           .reduce((sum, trace) => sum + trace.x.length, 0)"""
    )


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
    opened.wait_for_selector("#selection", state="visible", timeout=5_000)
    assert "cluster 0" in read_selection(opened)


@pytest.mark.parametrize("colouring", ["class", "agreement", "silhouette"])
def test_points_can_be_coloured_in_other_ways(opened: Page, colouring: str) -> None:
    def colours() -> object:
        return opened.evaluate('document.getElementById("scatter").data.map((t) => [t.name, t.x.length])')

    before = colours()
    opened.click(f'[data-colour-by="{colouring}"]')
    assert opened.get_attribute(f'[data-colour-by="{colouring}"]', "aria-pressed") == "true"
    assert colours() != before


def test_points_can_be_laid_out_by_umap(opened: Page) -> None:
    opened.click('[data-view="1"]')
    assert "UMAP" in opened.evaluate('document.getElementById("scatter").layout.xaxis.title.text')


def test_every_plot_and_table_can_be_downloaded(opened: Page, tmp_path: Path) -> None:
    names = [one.get_attribute("data-csv") for one in opened.locator("[data-csv]").all()]
    assert {"scatter", "contingency", "sizes", "silhouettes"} <= set(names)
    for name in names:
        with opened.expect_download() as waiting:
            opened.locator(f'[data-csv="{name}"]').dispatch_event("click")
        assert waiting.value.suggested_filename == f"{name}.csv"
        waiting.value.save_as(tmp_path / f"{name}.csv")
        assert len((tmp_path / f"{name}.csv").read_text().splitlines()) > 1


def test_dark_mode_and_paper_have_their_own_colours(opened: Page) -> None:
    def ground() -> str:
        return opened.evaluate("getComputedStyle(document.body).backgroundColor")

    opened.emulate_media(color_scheme="dark")
    assert ground() == "rgb(20, 23, 26)"
    opened.emulate_media(color_scheme="dark", media="print")
    assert ground() == "rgb(255, 255, 255)"
