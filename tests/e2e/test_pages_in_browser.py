"""What every page promises, in a real browser: those of run, study and describe, from disk and offline."""

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import Complaints, open_page, wait_for, watched
from playwright.sync_api import Page

from .conftest import FirstStudy, Octcluster

COMMANDS = ("run", "study", "describe")


@pytest.fixture(scope="session")
def pages(
    oct_images: Path,
    octcluster: Octcluster,
    first_run: Path,
    first_study: FirstStudy,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """The page that each command leaves."""
    folder = tmp_path_factory.mktemp("describe")
    done = octcluster("describe", oct_images, "--out", folder)
    assert done.returncode == 0, done.stderr
    return {
        "run": first_run / "report.html",
        "study": first_study.out / "report.html",
        "describe": folder / "describe.html",
    }


@pytest.fixture(params=COMMANDS)
def file(request: pytest.FixtureRequest, pages: dict[str, Path]) -> Path:
    return pages[request.param]


@pytest.fixture
def complaints(page: Page) -> Iterator[Complaints]:
    with watched(page) as found:
        yield found


def test_opens_with_no_error_and_no_request(page: Page, complaints: Complaints, file: Path) -> None:
    page.context.set_offline(True)
    open_page(page, file)
    assert page.locator(".plot").count() > 0
    assert complaints.troubles == []
    assert complaints.requests == [file.as_uri()]


def test_begins_with_the_answer_and_says_what_it_is_for(page: Page, file: Path) -> None:
    open_page(page, file)
    assert page.locator("main h2").first.inner_text() == "The answer"
    assert any(letter.isdigit() for letter in page.locator(".answer p").first.inner_text())
    assert "research use only" in page.locator("header .notice").inner_text()
    assert "research use only" in page.locator("footer").inner_text()


@pytest.mark.parametrize("width", [375, 1280])
def test_fits_the_screen(page: Page, file: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    open_page(page, file)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_button_hands_out_its_table(page: Page, complaints: Complaints, file: Path) -> None:
    open_page(page, file)
    names = [one.get_attribute("data-csv") for one in page.locator("[data-csv]").all()]
    # Each plot has its data below it, and each table that is no plot's has its own button.
    for figure in page.locator("figure").all():
        assert figure.locator("[data-csv]").count() == 1
    assert len(names) == len(set(names)) > 0
    for name in names:
        with page.expect_download() as waiting:
            page.locator(f'[data-csv="{name}"]').click()
        assert waiting.value.suggested_filename == f"{name}.csv"
        header, *rows = csv.reader(io.StringIO(Path(waiting.value.path()).read_text()))
        assert rows
        assert {len(row) for row in rows} == {len(header)}
    assert complaints.troubles == []


def test_every_control_is_reached_by_tab_and_shows_it(page: Page, file: Path) -> None:
    open_page(page, file)
    wanted = page.evaluate(
        """[...document.querySelectorAll("main a[href], main button, main summary, main [tabindex='0']")]
           .filter((each) => each.checkVisibility() && !each.closest(".plot")).length"""
    )
    reached = 0
    unmarked = []
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement !== document.body"):
        name, inside, outlined = page.evaluate(
            """(() => {
              const each = document.activeElement;
              const { outlineStyle, outlineWidth } = getComputedStyle(each);
              return [each.outerHTML.slice(0, 90), Boolean(each.closest("main") && !each.closest(".plot")),
                      outlineStyle !== "none" && outlineWidth !== "0px"];
            })()"""
        )
        reached += inside
        if not outlined:
            unmarked.append(name)
        page.keyboard.press("Tab")
        assert reached <= wanted
    assert reached == wanted
    assert unmarked == []


def test_dark_mode_and_paper_have_their_own_colours(page: Page, file: Path) -> None:
    open_page(page, file)
    ground = "getComputedStyle(document.body).backgroundColor"
    ink = """document.querySelector(".plot").layout.font.color"""
    assert page.evaluate(ink) == "#1a1d21"
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ground) == "rgb(20, 23, 26)"
    wait_for(page, f"{ink} === '#e8eaed'")
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


def test_prints_on_paper_with_its_plots_and_without_its_buttons(page: Page, file: Path) -> None:
    open_page(page, file)
    paper = page.pdf(format="A4", print_background=True)
    assert paper.startswith(b"%PDF")
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.set_viewport_size({"width": 690, "height": 1000})  # what A4 leaves between its margins
    # The cells of the table of classes are buttons too, and stay.
    assert page.locator("button:not(table *):visible").count() == 0
    assert page.locator(".plot:visible").count() == page.locator(".plot").count()
    assert page.evaluate("document.documentElement.scrollWidth") <= 690


def test_a_screen_reader_finds_a_name_for_everything(page: Page, file: Path) -> None:
    open_page(page, file)
    wait_for(
        page,
        "[...document.querySelectorAll('.plot')].every((plot) => plot.querySelector('.main-svg[role=img]'))",
    )
    session = page.context.new_cdp_session(page)
    nodes = [node for node in session.send("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
    names: dict[str, list[str]] = {}
    for node in nodes:
        names.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", "").strip())
    for role in ("button", "link", "image", "table", "region", "toolbar", "figure", "DisclosureTriangle"):
        assert all(names.get(role, [])), (role, names[role])
    titles = page.evaluate("[...document.querySelectorAll('.plot')].map((plot) => plot.ariaLabel)")
    pictures = [node for node in nodes if node["role"]["value"] == "image"]
    described = {
        node["name"]["value"] for node in pictures if len(node.get("description", {}).get("value", "")) > 20
    }
    assert set(titles) <= described
    # A plot's lines and marks would be noise: its words and its table say the same.
    assert "graphics-symbol" not in names
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("th:not([scope])").count() == 0
    levels = [
        int(each)
        for each in page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => h.tagName[1])")
    ]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_a_study_ranks_its_combinations_and_sorts_them(
    page: Page, complaints: Complaints, pages: dict[str, Path]
) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    open_page(page, pages["study"])
    assert page.locator("main .plot").first.get_attribute("id") == "ranking"
    table = page.locator('table[data-sortable="cells"]')
    table.scroll_into_view_if_needed()
    for column, title in enumerate(("combination", "accuracy", "ARI")):
        heading = table.locator("thead th").nth(column)
        assert heading.inner_text() == title
        box = heading.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 375  # seen without scrolling sideways
    accuracy = table.locator("thead th").nth(1)
    before = table.locator("tbody td:nth-child(2)").all_inner_texts()
    known = [text for text in before if text.replace(".", "").isdigit()]
    assert len(set(known)) > 1
    for order, largest_first in (("descending", True), ("ascending", False)):
        accuracy.locator("button").click()
        assert accuracy.get_attribute("aria-sort") == order
        values = table.locator("tbody td:nth-child(2)").all_inner_texts()
        assert values[: len(known)] == sorted(known, key=float, reverse=largest_first)
        assert sorted(values) == sorted(before)
    assert complaints.troubles == []
