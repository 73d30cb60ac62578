"""The report: complete, offline, safe against hostile names, and silent about patients."""

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from octcluster.outputs.pages import ReportOptions
from octcluster.outputs.run.report import format_report, scatter
from octcluster.workflows.outcome import RunOutcome
from outcomes import add_trust, make_outcome, sample_silhouettes, undefine
from PIL import Image

STARTED = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=https://evil.example/x.png onerror=alert(2)>',
    "</style><style>@import url(//evil.example)</style>",
    "{{ 7*7 }}<!-- </script> -->",
)


class Page(HTMLParser):
    """Collects elements, attributes and text of a page."""

    def __init__(self, outcome: RunOutcome, options: ReportOptions | None = None) -> None:
        super().__init__()
        self.source = format_report(outcome, STARTED, options).decode()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br", "rect", "path"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("rect", "path"):
            return
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._open[-1] if self._open else "", []).append(data)

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def visible_text(self) -> str:
        return " ".join(
            " ".join(parts) for tag, parts in self.texts.items() if tag not in ("script", "style")
        )

    @property
    def own_content(self) -> str:
        """Everything but the plot library, which names addresses that it never loads here."""
        scripts = self.texts["script"]
        return self.source.replace(max(scripts, key=len), "")

    def data(self, identifier: str) -> Any:
        match = re.search(
            rf'<script type="application/json" id="{identifier}-data">(.*?)</script>', self.source, re.S
        )
        assert match
        return json.loads(match[1])


def unpack(column: dict[str, Any]) -> Any:
    """The values of a packed column of the scatter."""
    types = {"f": "<f4", "i": "<i4", "h": "<i2"}
    return np.frombuffer(base64.b64decode(column["base64"]), types[column["type"]]).tolist()


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(make_outcome(failed=3, ks=(2, 3, 4)))


def test_the_answer_comes_first_and_in_words(page: Page) -> None:
    text = page.visible_text
    for part in (
        "4 clusters in 77 OCT images",
        "K-means put 77 images into 4 clusters.",
        "of the images lie in the cluster that matches their class best",
        "The mean silhouette is 0.140",
        "It has the largest silhouette of 3 results.",
        "3 images failed",
        "Its stability was not measured.",
        "For research use only",
    ):
        assert part in text
    assert page.source.index("K-means put") < page.source.index('id="scores"')


def test_every_plot_has_data_a_label_and_a_table(page: Page) -> None:
    plots = {"scatter", "sizes", "silhouettes", "silhouette-by-k", "variance"}
    drawn = {a["id"]: a for a in page.find("div") if "plot" in (a.get("class") or "").split()}
    assert drawn.keys() == plots
    assert page.data("plots").keys() == plots - {"scatter"}
    identifiers = {attributes.get("id") for _, attributes in page.elements}
    for attributes in drawn.values():
        assert attributes["role"] == "group"
        assert attributes["aria-label"]
        assert attributes["aria-describedby"] in identifiers
    assert len(page.find("table")) == len(page.find("caption")) == len(plots) + 2
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.find("th"))


def test_ratings_that_the_run_chose_by_have_a_plot() -> None:
    page = Page(make_outcome(ks=(2, 3, 4), ratings=(None, 1.0, 1.25)))
    line, chosen = page.data("plots")["rating-by-k"]["data"]
    assert (line["x"], line["y"]) == ([2, 3, 4], [None, 1.0, 1.25])
    assert (chosen["name"], chosen["x"], chosen["y"]) == ("chosen", [4], [1.25])


def test_nothing_is_loaded_and_only_the_own_scripts_may_run(page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "img", "audio", "video")
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    assert not re.search(r"https?://|url\(|@import|\bfetch\(|XMLHttpRequest|sendBeacon", page.own_content)
    policy = (
        next(a["content"] for a in page.find("meta") if a.get("http-equiv") == "Content-Security-Policy")
        or ""
    )
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert (
        len(re.findall(r"'sha256-[\w+/]{43}='", policy)) == 5
    )  # the plot library, the pages' script, the report's own three
    assert "eval" not in policy
    assert "connect-src" not in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]


def test_the_plot_librarys_upload_button_is_off(page: Page) -> None:
    assert "showSendToCloud: false" in page.own_content
    assert 'plotlyServerURL: ""' in page.own_content
    assert "modeBarButtons: [[" in page.own_content


def test_no_name_path_or_patient_occurs(page: Page) -> None:
    assert "secret" not in page.own_content
    assert ".jpeg" not in page.own_content
    assert "/data" not in page.own_content
    assert unpack(page.data("points")["image"]) == list(range(1, 78))


def test_hostile_names_are_text_and_nothing_else() -> None:
    page = Page(make_outcome(classes=HOSTILE))
    calm = Page(make_outcome())
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in calm.elements]
    for name in HOSTILE:
        assert name in page.visible_text
    assert page.source.count("</script>") == calm.source.count("</script>")
    shown = json.dumps([page.data("plots"), page.data("points")])
    assert "<" not in shown.replace("<extra>", "").replace("</extra>", "")


def test_control_characters_and_broken_unicode_are_replaced() -> None:
    page = Page(make_outcome(classes=("a\x1b[31m", "b\udce9", "c\x00", "d")))
    assert "a\ufffd[31m" in page.visible_text
    assert "b\ufffd" in page.visible_text
    assert "\x00" not in page.source


def test_undefined_scores_have_their_reason_and_no_number() -> None:
    page = Page(undefine(make_outcome(), "all images are alike"))
    assert "The silhouette is undefined: all images are alike." in page.visible_text
    assert "Why a score is undefined" in page.visible_text
    assert "silhouettes" not in page.data("plots")


def test_without_labels_there_is_nothing_about_classes() -> None:
    page = Page(make_outcome(classes=()))
    assert page.data("plots").keys() == {"sizes", "silhouettes", "variance"}
    assert not [one for one in page.find("button") if "data-select-class" in one]
    assert "known class" not in [text.strip() for text in page.texts["button"]]
    assert "no image has a known class" in page.visible_text


def test_noise_is_called_noise_and_counted() -> None:
    page = Page(make_outcome(noise=True))
    assert "HDBSCAN put 72 images into 4 clusters and left 8 images out as noise." in page.visible_text
    assert page.data("points")["clusters"][-1]["name"] == "noise"
    assert "Noise is no cluster" in page.visible_text
    assert page.data("plots")["sizes"]["data"][0]["x"][-1] == "noise"


def test_images_of_no_known_class_are_shown_as_unknown() -> None:
    outcome = make_outcome()
    contingency = outcome.result.results[0].contingency
    assert contingency is not None
    counts = [list(row) for row in contingency.counts]
    counts[0][0] -= 1
    result = replace(outcome.result.results[0], contingency=replace(contingency, counts=counts))
    members = [replace(outcome.members[0], label=None), *outcome.members[1:]]
    page = Page(replace(outcome, members=members, result=replace(outcome.result, results=[result])))
    assert [trace["name"] for trace in page.data("plots")["sizes"]["data"]][-1] == "unknown"
    assert "of the 79 images with a known class" in page.visible_text
    points = page.data("points")
    assert points["classes"][unpack(points["class"])[0]]["name"] == "unknown"


def test_trust_is_put_into_words_and_tables_and_names_nobody() -> None:
    page = Page(add_trust(make_outcome(failed=3)))
    for part in (
        "(95% interval 9.0% to 87.5%)",
        "0.090 to 0.875",
        "Stability 0.812: 10 random parts of the patients, clustered again, gave similar clusters each time",
        "The width explains the clusters, too (AMI 0.38, the class 0.62)",
        "7 patients of 7 have images in more than one class; scores.json lists them.",
        "There are 2 pairs of duplicates or near-duplicates",
        "mostly the same images, because the clusters as a whole do not reappear better",
        "may be chance",
        "white border",
    ):
        assert part in page.visible_text
    assert page.visible_text.index("How far to trust it") < page.visible_text.index("All scores")
    assert "secret" not in page.own_content
    assert ".jpeg" not in page.own_content


def test_variance_says_how_many_components_hold_a_share(page: Page) -> None:
    trace = page.data("plots")["variance"]["data"][0]
    assert trace["y"][:3] == [0.5, 0.75, 0.875]
    assert {shape["y0"] for shape in page.data("plots")["variance"]["layout"]["shapes"]} == {0.9, 0.95, 0.99}


def test_too_many_points_are_a_stated_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scatter, "MAX_POINTS", 60)
    many = Page(make_outcome())
    assert len(unpack(many.data("points")["image"])) == 60
    assert "Shown are 60 of 80 images" in re.sub(r"\s+", " ", many.visible_text)


def test_a_map_by_a_sample_says_so() -> None:
    outcome = make_outcome()
    page = Page(replace(outcome, result=replace(outcome.result, umap_sampled_units=40)))
    said = "UMAP: a sample of 40 images was laid out, and all others placed by their neighbours in it."
    assert said in re.sub(r"\s+", " ", page.visible_text)
    assert "UMAP: a sample" not in Page(outcome).visible_text


def test_clusters_of_a_sample_that_others_joined_are_told_as_such() -> None:
    outcome = make_outcome()
    first, *others = outcome.result.results
    results = [replace(first, algorithm="hdbscan", sampled_units=40), *others]
    page = Page(replace(outcome, result=replace(outcome.result, results=results)))
    said = "HDBSCAN: a random sample of 40 images was clustered, and every other image joined the nearest one"
    assert f"{said} in it." in re.sub(r"\s+", " ", page.visible_text)
    assert "joined the nearest one" not in Page(outcome).visible_text


def test_each_cluster_has_a_card_with_its_typical_images(page: Page) -> None:
    cards = page.find("article")
    assert [card["data-cluster"] for card in cards] == ["0", "1", "2", "3"]
    headings = [text.strip() for text in page.texts["h4"]]
    assert headings.count("Most typical") == headings.count("Most outlying") == 4


def test_a_report_on_a_sample_of_silhouettes_says_so_wherever_it_shows_them() -> None:
    page = Page(sample_silhouettes(make_outcome()))
    text = re.sub(r"\s+", " ", page.visible_text)
    assert "estimated from a random sample of 40 images (95% interval 0.125 to 0.175)" in text
    assert "≈0.150" in text
    assert "≈ marks an estimate" in text
    assert text.count("Both are of a random sample of") == 4
    assert text.count("Its mean silhouette is estimated as") == 3  # the last cluster has one sampled image
    assert "Silhouette of the sampled images, by cluster" in text
    assert [title.strip() for title in page.texts["h4"]].count("Most typical of the random sample") == 4
    exact = re.sub(r"\s+", " ", Page(make_outcome()).visible_text)
    assert "random sample" not in exact
    assert "≈" not in exact


def test_outlying_are_those_farthest_away_and_not_those_of_the_smallest_silhouette() -> None:
    outcome = make_outcome()
    found = outcome.assignments
    row = next(row for row, cluster in enumerate(found.clusters) if cluster == 2)
    distances, silhouettes = list(found.distances), list(found.silhouettes)
    distances[row], silhouettes[row] = 1000.0, 0.2
    moved = replace(outcome, assignments=replace(found, distances=distances, silhouettes=silhouettes))
    source = re.sub(r"\s+", " ", Page(moved).source)
    first = re.search(
        r'<ul class="gallery" aria-label="Most outlying of cluster 2"> <li><span>(.*?)<', source
    )
    assert first
    assert first[1] == f"image {row + 1}"


def test_the_answer_says_how_sure_it_is_and_what_stands_out() -> None:
    outcome = add_trust(make_outcome())
    table = outcome.result.results[0].contingency
    assert table is not None
    counts = [[50 if row == column else 1 for column in range(4)] for row in range(4)]
    counts[2][3] = 6
    result = replace(outcome.result.results[0], contingency=replace(table, counts=counts))
    page = Page(replace(outcome, result=replace(outcome.result, results=[result])))
    answer = page.source.split('id="clusters"')[0]
    assert "Stability 0.812: 10 random parts of the patients" in answer
    assert "6 of 58 images of DRUSEN lie in cluster 3, which matches NORMAL." in answer


def test_all_scores_can_be_downloaded_with_their_intervals() -> None:
    outcome = add_trust(make_outcome())
    table = Page(outcome).data("tables")["scores"]
    row = dict(zip(table["header"], table["rows"][0], strict=True))
    scores = outcome.result.results[0].scores
    assert row["ARI"] == scores.adjusted_rand_index.value
    assert row["ARI to"] == 0.875
    assert row["chosen"] == "yes"


def test_thumbnails_are_shown_only_when_asked_for(tmp_path: Path) -> None:
    outcome = make_outcome()
    files = []
    for number, member in enumerate(outcome.members):
        path = tmp_path / f"{number}.png"
        Image.new("L", (300, 200), number).save(path)
        files.append(replace(member, root=tmp_path, name=path.name))
    outcome = replace(outcome, members=files)
    assert not Page(outcome).find("img")
    shown = Page(outcome, ReportOptions(thumbnails=True))
    sources = [one["src"] or "" for one in shown.find("img")]
    assert len(sources) == 4 * 3 * 6
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    assert "treat it as you treat their scans" in shown.visible_text
    assert "secret" not in shown.own_content


def test_names_and_patients_are_shown_only_when_asked_for() -> None:
    outcome = make_outcome()
    shown = Page(outcome, ReportOptions(identified=True))
    assert f"{outcome.members[0].name} (patient {outcome.members[0].patient})" in shown.source
    assert "This page names images and patients" in shown.visible_text


def test_labels_that_meet_no_image_stand_out() -> None:
    outcome = make_outcome()
    images = [
        replace(image, label=None if row < 3 else image.label) for row, image in enumerate(outcome.members)
    ]
    outcome = replace(outcome, image_set=replace(outcome.image_set, images=images, stray_rows=[7, 9]))
    text = Page(replace(outcome, members=images)).visible_text
    assert "3 of 80 images have no known class" in text
    assert "2 rows of the table of labels name no image here, the first of them row 7" in text


def test_the_most_ambiguous_images_have_the_smallest_silhouettes(page: Page) -> None:
    outcome = make_outcome(failed=3, ks=(2, 3, 4))
    silhouettes = zip(outcome.assignments.silhouettes, outcome.assignments.clusters, strict=True)
    lowest = min((value, row) for row, (value, cluster) in enumerate(silhouettes) if cluster == 0)[1]
    first = re.search(r"Most ambiguous.*?image (\d+)", page.source, re.S)
    assert first
    assert int(first[1]) == lowest + 1
