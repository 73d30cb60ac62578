"""What leaves the explorer, and what other commands take of it."""

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from known import known
from made_results import MOMENT, write_result
from octcluster.explorer.acts import parse_act
from octcluster.explorer.exports import (
    count_origins,
    format_coco,
    format_labels,
    format_names,
    list_labels,
    write_exports,
    write_names,
)
from octcluster.explorer.groups import Groups, perform
from octcluster.explorer.result import Result, read_result
from octcluster.images.folder import find_images
from octcluster.images.image_set import Scan
from octcluster.images.labels import label_images
from octcluster.model.errors import ActRefused
from octcluster.outputs.assign.report import format_assign_report
from octcluster.workflows.cluster_names import read_cluster_names
from octcluster.workflows.finished_runs import find_run
from outcomes import add_trust, fit, make_assign_outcome, make_outcome
from PIL import Image


@pytest.fixture
def result(tmp_path: Path) -> Result:
    return read_result(str(write_result(tmp_path / "run")))


def groups_after(result: Result, *acts: dict[str, Any]) -> Groups:
    groups = Groups.of_clusters(result.clusters)
    for act in acts:
        groups, _ = perform(groups, parse_act(act))
    return groups


def rows_of(result: Result, cluster: int) -> list[int]:
    return [int(row) for row in (result.clusters == cluster).nonzero()[0]]


def test_labels_are_those_given_by_hand_else_names_of_groups(result: Result) -> None:
    first, second = rows_of(result, 0)[:2]
    groups = groups_after(
        result,
        {"kind": "name", "group": "c0", "name": "=CNV, wet"},
        {"kind": "label", "rows": [first], "label": "DME"},
        {"kind": "unusable", "rows": [second], "unusable": True},
    )
    content = format_labels(result, groups)
    rows = {row["image"]: row for row in csv.DictReader(io.StringIO(content.decode()))}
    assert len(rows) == 79
    assert result.names[second] not in rows
    assert rows[result.names[first]]["label"] == "DME"
    third = rows_of(result, 0)[2]
    assert rows[result.names[third]] == {
        "image": result.names[third],
        "label": "'=CNV, wet",
        "patient": result.categories["patient"].value(third),
        "group": "'=CNV, wet",
        "origin": "group",
    }
    assert (rows[result.names[first]]["group"], rows[result.names[first]]["origin"]) == ("'=CNV, wet", "hand")
    assert rows[result.names[rows_of(result, 1)[0]]]["label"] == ""


def test_a_run_takes_the_labels(result: Result, tmp_path: Path) -> None:
    groups = groups_after(result, {"kind": "name", "group": "c0", "name": "=CNV, wet"})
    file = tmp_path / "labels.csv"
    file.write_bytes(format_labels(result, groups))
    scans = [Scan(tmp_path, name) for name in result.names]
    labelled = label_images(scans, str(file)).images
    assert [scan.label for scan in labelled] == list_labels(groups)
    assert labelled[0].patient == result.categories["patient"].value(0)


def test_suggested_labels_are_told_apart_from_those_of_a_person(result: Result, tmp_path: Path) -> None:
    first, second, third = rows_of(result, 0)[:3]
    groups = groups_after(
        result,
        {"kind": "name", "group": "c1", "name": "wet"},
        {"kind": "label", "rows": [first], "label": "DME"},
        {"kind": "propagate", "rows": [second, third], "labels": [0, 0], "values": ["DME"]},
        {"kind": "label", "rows": [third], "label": "DME"},
    )
    rows = list(csv.DictReader(io.StringIO(format_labels(result, groups).decode())))
    assert [rows[row]["origin"] for row in (first, second, third)] == ["hand", "suggested", "hand"]
    by_group = len(rows_of(result, 1))
    assert count_origins(groups) == {"hand": 2, "group": by_group, "suggested": 1}
    (tmp_path / "labels.csv").write_bytes(format_labels(result, groups))
    told = label_images([Scan(tmp_path, name) for name in result.names], str(tmp_path / "labels.csv")).notes
    (note,) = [note.text for note in told if note.kind == "table_suggested"]
    assert note.startswith("1 row of the table gives a label that 'octcluster explore' has suggested")
    kept = {each["image_id"] - 1: each for each in json.loads(format_coco(result, groups))["annotations"]}
    assert kept[second]["attributes"] == {"group": "cluster 0", "origin": "suggested"}
    text = str(write_exports(result, groups)["text"])
    assert f"2 by hand, {by_group} by the name of the group, 1 suggested (column 'origin')" in text
    assert "Nobody has looked at the suggested ones." in text


def test_a_run_of_the_usable_images_leaves_the_others_out(result: Result, tmp_path: Path) -> None:
    first, *others = rows_of(result, 0)
    result = replace(result, root=tmp_path / "scans")
    for name in result.names:
        path = tmp_path / "scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.linear_gradient("L").save(path)
    groups = groups_after(
        result,
        {"kind": "name", "group": "c0", "name": "CNV"},
        {"kind": "unusable", "rows": [first], "unusable": True},
    )
    told = write_exports(result, groups)
    assert "octcluster run RESULT/exports/usable.txt --labels RESULT/exports/labels.csv" in str(told["text"])
    exports = result.folder / "exports"
    unusable = list(csv.DictReader(io.StringIO((exports / "unusable.csv").read_text())))
    patient = result.categories["patient"].value(first)
    assert unusable == [{"image": result.names[first], "patient": patient, "group": "CNV"}]
    found = find_images(exports / "usable.txt", str(exports / "labels.csv")).images
    labels = {os.path.relpath(scan.path, tmp_path / "scans"): scan.label for scan in found}
    assert labels.keys() == {*result.names} - {result.names[first]}
    assert {labels[result.names[row]] for row in others} == {"CNV"}
    write_exports(result, groups_after(result, {"kind": "name", "group": "c0", "name": "CNV"}))
    assert not (exports / "usable.txt").exists()
    assert not (exports / "unusable.csv").exists()


def test_nothing_named_is_nothing_to_export(result: Result) -> None:
    with pytest.raises(ActRefused, match="no image has a label yet: name a group, or label images"):
        write_exports(result, Groups.of_clusters(result.clusters))
    assert not (result.folder / "exports").exists()


def test_coco_names_each_labelled_image_once(result: Result) -> None:
    groups = groups_after(result, {"kind": "name", "group": "c2", "name": "DRUSEN"})
    document = json.loads(format_coco(result, groups))
    rows = rows_of(result, 2)
    assert document["categories"] == [{"id": 1, "name": "DRUSEN"}]
    assert [image["id"] - 1 for image in document["images"]] == rows
    assert [image["file_name"] for image in document["images"]] == [result.names[row] for row in rows]
    assert {note["category_id"] for note in document["annotations"]} == {1}


def test_a_cluster_has_the_name_of_the_group_with_most_of_its_images(result: Result) -> None:
    groups = groups_after(
        result,
        {"kind": "name", "group": "c0", "name": "CNV"},
        {"kind": "name", "group": "c1", "name": "DME"},
        {"kind": "merge", "groups": ["c0", "c3"]},
        {"kind": "move", "rows": rows_of(result, 1)[:3], "group": "c2"},
        {"kind": "split", "group": "c2", "parts": [rows_of(result, 2)], "names": ["dry"]},
    )
    document = json.loads(format_names(result, groups))
    assert document["clusters"] == {"0": "CNV", "1": "DME", "2": "dry", "3": "CNV"}
    assert document["result_id"] == result.result_id
    halved = groups_after(
        result,
        {"kind": "name", "group": "c0", "name": "CNV"},
        {"kind": "move", "rows": rows_of(result, 0)[::2], "group": "c1"},
    )
    assert "0" not in json.loads(format_names(result, halved))["clusters"]


def test_reports_of_the_same_result_show_the_names(result: Result) -> None:
    groups = groups_after(result, {"kind": "name", "group": "c2", "name": "Drusen <b>"})
    write_names(result, groups)
    outcome = add_trust(make_outcome())
    write_result(result.folder, outcome)
    assert "cluster 2: Drusen &lt;b&gt;" in (result.folder / "report.html").read_text()
    assert read_cluster_names(result.folder, result.result_id) == {2: "Drusen <b>"}

    other = replace(outcome, spec=replace(outcome.spec, seed=8))
    write_result(result.folder, other)
    assert other.result_id != result.result_id
    assert "Drusen &lt;" not in (result.folder / "report.html").read_text()


def test_an_assignment_shows_the_names_of_the_run(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "run", fit(make_outcome()))
    result = read_result(str(folder))
    write_names(result, groups_after(result, {"kind": "name", "group": "c1", "name": "Edema"}))
    model = known(find_run(str(folder)).model)
    assert model.cluster_names == {1: "Edema"}
    outcome = make_assign_outcome()
    named = replace(outcome, model=replace(outcome.model, cluster_names=model.cluster_names))
    page = format_assign_report(named, MOMENT).decode()
    assert "cluster 1: Edema" in page
    assert "lie in cluster 1 (Edema)" in page


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"result_id": "%s", "clusters": [1]}', b'{"clusters": {}}']
)
def test_damaged_names_are_none(content: bytes, result: Result) -> None:
    (result.folder / "names.json").write_bytes(content.replace(b"%s", result.result_id.encode()))
    assert read_cluster_names(result.folder, result.result_id) == {}


def test_exports_lie_in_a_folder_of_the_run_and_tell_no_name(result: Result) -> None:
    groups = groups_after(
        result,
        {"kind": "name", "group": "c0", "name": "CNV"},
        {"kind": "unusable", "rows": [rows_of(result, 1)[0]], "unusable": True},
    )
    told = write_exports(result, groups)
    count = len(rows_of(result, 0))
    files = ["labels.csv", "coco.json", "names.json", "unusable.csv", "usable.txt"]
    assert told["files"] == [f"exports/{name}" for name in files]
    assert (told["images"], told["left"]) == (count, {"unnamed": 79 - count, "unusable": 1})
    assert "secret" not in json.dumps(dict(told))
    assert (result.folder / "exports/labels.csv").read_bytes() == format_labels(result, groups)
