"""How the page of ``octcluster explore`` shows a result: mouse, keys, small screens, after a kill."""

import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from browsing import empty_tab, open_tab, watched
from explorer_pages import assert_quiet, choose, group, open_explorer, tiles, wall
from explorers import Caller, running_explorer
from made_scans import SCANS_OF_A_VOLUME, MadeScans, make_result
from playwright.sync_api import Browser, Page, expect

SCANS = MadeScans(images=60, first=20, pictures=30, drawn_per_class=1)
VOLUMES = MadeScans(images=60, first=20, volumes=True)
NAMELESS = """
() => [...document.querySelectorAll("button, input, select, textarea, a, canvas, dialog")]
  .filter((element) => element.checkVisibility())
  .filter((element) => !(element.getAttribute("aria-label") || element.textContent.trim()
    || element.labels?.length || element.title))
  .map((element) => element.outerHTML)
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_result(tmp_path_factory.mktemp("explored"), SCANS)


@pytest.fixture(scope="module")
def explorer(result: Path) -> Iterator[Caller]:
    with running_explorer(result, "--cache-dir", result.parent / "cache") as caller:
        yield caller


@pytest.fixture
def page(tab: Page, explorer: Caller) -> Page:
    empty_tab(tab)
    open_explorer(tab, explorer)
    return tab


def count_shown(page: Page) -> int:
    text = page.locator(".wall-head h2 small").inner_text()
    return int(re.sub(r"\D", "", text))


def codes_of(explorer: Caller, column: str) -> list[str]:
    arrays, values = explorer.columns()
    return [values[column][code] for code in arrays[column]]


def test_filters_narrow_what_is_shown_and_can_be_cleared(page: Page, explorer: Caller) -> None:
    classes, eyes = codes_of(explorer, "class"), codes_of(explorer, "eye")
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("DME", exact=True).check()
    expect(page.locator(".wall-head h2 small")).to_have_text(f"{classes.count('DME')} images")
    page.get_by_label("left", exact=True).check()
    both = sum(pair == ("DME", "left") for pair in zip(classes, eyes, strict=True))
    expect(page.locator(".wall-head h2 small")).to_have_text(f"{both} images")
    page.locator(".chip", has_text="2 filters").click()
    expect(page.locator(".wall-head h2 small")).to_have_text(f"{SCANS.images} images")


def test_patients_are_found_by_typing(page: Page, explorer: Caller) -> None:
    patients = codes_of(explorer, "patient")
    page.get_by_text("Filters", exact=True).click()
    box = page.get_by_label("Patient", exact=True)
    for patient in sorted(set(patients)):
        expect(page.get_by_label(patient, exact=True)).to_be_visible()
    page.get_by_label(patients[0], exact=True).check()
    assert box.count() == 0
    expect(page.locator(".wall-head h2 small")).to_have_text(f"{patients.count(patients[0])} images")


def test_silhouette_and_marks_filter(page: Page, explorer: Caller) -> None:
    arrays, _ = explorer.columns()
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Silhouette at least").fill("0.3")
    expected = int((arrays["silhouette"] >= 0.3).sum())
    expect(page.locator(".wall-head h2 small")).to_have_text(f"{expected} images")
    page.get_by_role("button", name="Clear all filters").click()
    page.get_by_label("Outliers alone").check()
    outliers = int(arrays["outlier"].sum())
    assert count_shown(page) == outliers


def test_map_and_wall_are_linked(page: Page) -> None:
    choose(page, "cluster 0")
    expect(tiles(page)).to_have_count(SCANS.first)
    labels = page.locator(".map-labels span")
    expect(labels).to_have_text(["cluster 0"])
    canvas = page.locator(".map canvas")
    canvas.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name=re.compile("cluster 0"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(canvas).to_be_focused()


def test_picture_appears_at_the_point(page: Page) -> None:
    box = page.locator(".map-frame").bounding_box()
    label = page.locator(".map-labels span").first.bounding_box()
    assert box is not None
    assert label is not None
    middle = (label["x"] + label["width"] / 2, label["y"] + label["height"] / 2)
    # The nearest point is a few pixels around the middle of its group.
    for step in range(-40, 41, 4):
        page.mouse.move(middle[0] + step, middle[1])
        if page.locator(".pointed").count():
            break
    expect(page.locator(".pointed figcaption")).to_contain_text("image ")


def test_tables_say_what_the_pictures_say(page: Page, explorer: Caller) -> None:
    page.get_by_role("toolbar", name="Map").get_by_role("button", name="Table").click()
    numbers = page.get_by_role("dialog", name="The groups in numbers")
    for each in explorer.state()["groups"]:
        row = numbers.get_by_role("row").filter(has_text=each["name"])
        expect(row.get_by_role("cell").first).to_have_text(str(each["images"]))
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Table", exact=True).last.click()
    rows = page.get_by_role("region", name="Table of images").get_by_role("row")
    expect(rows).to_have_count(SCANS.images + 1)
    rows.nth(1).get_by_role("checkbox").check()
    expect(page.get_by_text("1 image selected", exact=True)).to_be_visible()


def test_order_puts_the_doubtful_first(page: Page, explorer: Caller) -> None:
    arrays, _ = explorer.columns()
    page.get_by_label("Order").select_option("doubtful")
    expect(tiles(page).first).to_have_attribute("data-row", str(int(arrays["silhouette"].argmin())))


def test_large_view_zooms_and_goes_on(page: Page) -> None:
    choose(page, "cluster 0")
    first, second = (tiles(page).nth(index).get_attribute("data-row") for index in (0, 1))
    tiles(page).first.dblclick()
    large = page.get_by_role("dialog", name=re.compile(f"^image {first},"))
    expect(large.locator(".stage img")).to_have_js_property("naturalWidth", 512)
    page.keyboard.press("+")
    page.keyboard.press("+")
    expect(large.get_by_text("2.25")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("dialog", name=re.compile(f"^image {second},"))).to_be_visible()
    expect(page.get_by_text("fitted", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".large")).to_have_count(0)


def test_work_without_a_mouse(page: Page) -> None:
    """Every stop of the Tab key shows where it is; the wall is one of them, whatever it holds."""
    wall(page).focus()
    page.keyboard.press("End")
    last = wall(page).get_attribute("aria-activedescendant")
    assert last is not None
    expect(page.locator(f"#{last}")).to_have_attribute("aria-posinset", str(SCANS.images))
    page.keyboard.press(" ")
    expect(page.locator(f"#{last}")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Control+a")
    expect(page.get_by_text(f"{SCANS.images} images selected", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("toolbar", name="Selected images")).to_have_count(0)


@pytest.mark.parametrize("kind", ["History", "Export", "Help"])
def test_all_that_is_used_has_a_name(page: Page, kind: str) -> None:
    for summary in page.locator("summary").all():
        summary.click()
    page.get_by_role("button", name=kind).click()
    assert page.evaluate(NAMELESS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_fits_the_screen(page: Page, explorer: Caller, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 720})
    with watched(page) as complaints:
        open_explorer(page, explorer)
        for part in ("Groups", "Map", "Images") if width < 500 else ("",):
            if part:
                page.get_by_role("navigation", name="Parts of the page").get_by_role(
                    "button", name=part
                ).click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    # Half of the images have no file.
    assert_quiet(complaints, "status of 404")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(20, 23, 26)" if scheme == "dark" else "rgb(255, 255, 255)")


def test_images_that_are_gone_have_their_numbers(page: Page) -> None:
    """Only the first images have files."""
    page.get_by_label("Order").select_option("file")
    wall(page).focus()
    page.keyboard.press("End")
    expect(tiles(page).last.locator(".picture.gone")).to_have_text(f"image {SCANS.images - 1}")


def test_each_act_is_undone_in_the_page_after_the_server_was_killed(browser: Browser, tmp_path: Path) -> None:
    result = make_result(tmp_path, SCANS)
    acts: list[dict[str, object]] = [
        {"kind": "name", "group": "c0", "name": "Lasting"},
        {"kind": "note", "group": "c0", "note": "Look again."},
        {"kind": "move", "rows": [0, 1], "group": "c1"},
        {"kind": "split", "group": "c0", "parts": [[2, 3], [4]]},
        {"kind": "merge", "groups": ["c1", "c2"], "name": "Both"},
        {"kind": "unusable", "rows": [5, 6], "unusable": True},
        {"kind": "label", "rows": [7], "label": "edema"},
    ]
    states = []
    with open_tab(browser) as page:
        with running_explorer(result, "--cache-dir", tmp_path / "cache") as explorer:
            for act in acts:
                states.append((_describe(explorer), explorer.state()["undoText"]))
                explorer.do(**act)
            open_explorer(page, explorer)
            expect(group(page, "Both")).to_be_visible()
            assert explorer.process is not None
            explorer.process.send_signal(signal.SIGKILL)
            explorer.process.wait()
            page.get_by_role("button", name="Undo", exact=True).first.click()
            expect(page.locator(".toast.trouble")).to_contain_text("octcluster explore")
        with running_explorer(result, "--cache-dir", tmp_path / "cache") as explorer:
            open_explorer(page, explorer)
            expect(group(page, "Both")).to_be_visible()
            button = page.get_by_role("navigation", name="Work").get_by_role("button", name="Undo")
            for state, text in reversed(states):
                button.click()
                expect(button).to_have_attribute("title", f"Undo: {text}" if text else "Nothing to undo")
                assert _describe(explorer) == state
            expect(group(page, "cluster 0")).to_be_visible()


def _describe(explorer: Caller) -> tuple[object, ...]:
    """What acts change: groups, and what is known of each image."""
    state = explorer.state()
    groups = [(each["id"], each["name"], each["note"], each["images"]) for each in state["groups"]]
    ids = [each["id"] for each in state["groups"]]
    own, flags, labels = explorer.membership()
    values = [*state["labelValues"], None]
    return groups, [ids[i] for i in own], flags.tolist(), [values[label] for label in labels]


def test_volumes_are_strips_in_the_order_of_their_scans(browser: Browser, tmp_path: Path) -> None:
    result = make_result(tmp_path, VOLUMES)
    with (
        open_tab(browser) as page,
        running_explorer(result, "--cache-dir", tmp_path / "cache") as explorer,
    ):
        open_explorer(page, explorer)
        page.get_by_role("button", name="Volumes").click()
        strips = page.get_by_role("list", name="Volumes").get_by_role("listitem")
        expect(strips.first).to_contain_text("volume ")
        expect(strips.first.locator(".scan")).to_have_count(SCANS_OF_A_VOLUME)
        choose(page, "cluster 0")
        # Two volumes are in the first cluster alone; no other one has a scan of it.
        expect(strips).to_have_count(SCANS.first // SCANS_OF_A_VOLUME)
        strips.first.locator(".scan").nth(3).dblclick()
        expect(page.locator(".large h2")).to_have_text(re.compile(r"^image \d*3$"))


def test_two_runs_side_by_side(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    result = make_result(tmp_path, SCANS)
    other = make_result(tmp_path / "other", replace(SCANS, first=SCANS.first - 5))
    arguments = ("--compare", other, "--cache-dir", tmp_path / "cache")
    with open_tab(browser) as page, running_explorer(result, *arguments) as explorer:
        found = explorer.ask("api/comparison").json
        open_explorer(page, explorer)
        page.get_by_role("button", name="Compare").click()
        dialog = page.get_by_role("dialog", name="This run and the other one")
        bands = sum(count > 0 for line in found["counts"] for count in line)
        expect(dialog.locator(".flow .band")).to_have_count(bands)
        cells = dialog.get_by_role("button", name=re.compile("cluster 0 here"))
        expect(cells).to_have_count(sum(count > 0 for count in found["counts"][0]))
        dialog.get_by_role("button", name=f"Show the {found['changed']} image").click()
        expect(page.locator(".chip")).to_contain_text(f"Changed their cluster: {found['changed']} image")
        # The wall of one cell of the table.
        page.get_by_role("button", name="Compare").click()
        cells.first.click()
        expect(page.locator(".chip")).to_contain_text("cluster 0 here")
        expect(page.locator(".wall-head h2 small")).to_have_text(f"{found['counts'][0][0]} images")


def test_names_and_downloads_if_asked_for(browser: Browser, tmp_path: Path) -> None:
    result = make_result(tmp_path, replace(SCANS, images=20, first=10, pictures=20))
    arguments = ("--identified", "--cache-dir", tmp_path / "cache")
    with open_tab(browser) as page, running_explorer(result, *arguments) as explorer:
        explorer.do(kind="name", group="c0", name="Drusen")
        open_explorer(page, explorer)
        expect(tiles(page).first).to_have_attribute("aria-label", re.compile(r"scan-\d+\.jpeg, .*SECRET-0"))
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            page.get_by_role("link", name="Labels").click()
        assert "scan-000001.jpeg,Drusen" in Path(download.value.path()).read_text()


def test_the_wall_of_a_cell_of_the_table(page: Page, explorer: Caller) -> None:
    arrays, values = explorer.columns()
    code = values["class"].index("CNV")
    cell = int(((arrays["cluster"] == 0) & (arrays["class"] == code)).sum())
    page.get_by_role("toolbar", name="Map").get_by_role("button", name="Table").click()
    row = page.get_by_role("dialog").get_by_role("row").filter(has_text="cluster 0")
    row.get_by_role("button", name=re.compile("^CNV")).click()
    expect(page.locator(".wall-head h2")).to_contain_text("cluster 0")
    expect(page.locator(".wall-head h2 small")).to_have_text(f"{cell} images")


def test_selected_images_that_are_not_shown_are_told(page: Page) -> None:
    choose(page, "cluster 0")
    page.get_by_role("button", name="Select all", exact=True).click()
    choose(page, "cluster 1")
    told = f"{SCANS.first} images selected, {SCANS.first} of them not shown"
    expect(page.get_by_role("toolbar", name="Selected images")).to_contain_text(told)


# Painted pixels of the map, counted in the frame that paints them: a canvas of WebGL is empty afterwards.
_PAINTED = """
() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(async () => {
  const canvas = document.querySelector(".map canvas");
  document.querySelector(".map [aria-label='Show all']").click();
  requestAnimationFrame(() => {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const context = copy.getContext("2d");
    context.drawImage(canvas, 0, 0);
    const { data } = context.getImageData(0, 0, copy.width, copy.height);
    let painted = 0;
    for (let place = 3; place < data.length; place += 4) painted += data[place] > 128;
    done(painted);
  });
})))
"""


def test_map_comes_back_when_the_graphics_card_does(page: Page) -> None:
    before = page.evaluate(_PAINTED)
    assert before > 500
    page.evaluate(
        "() => { window.card = document.querySelector('.map canvas').getContext('webgl2')"
        ".getExtension('WEBGL_lose_context'); window.card.loseContext(); }"
    )
    page.evaluate(
        "() => new Promise((done) => { const canvas = document.querySelector('.map canvas');"
        "canvas.addEventListener('webglcontextrestored', () => done());"
        "setTimeout(() => window.card.restoreContext()); })"
    )
    assert page.evaluate(_PAINTED) == before


def test_map_without_webgl(browser: Browser, explorer: Caller) -> None:
    with open_tab(browser) as page:
        page.add_init_script(
            "const open = HTMLCanvasElement.prototype.getContext;"
            "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
            " return kind === 'webgl2' ? null : open.call(this, kind, ...rest); };"
        )
        open_explorer(page, explorer)
        expect(page.locator(".map-frame")).to_have_attribute("data-painter", "plain")
        assert page.evaluate(_PAINTED) > 500
