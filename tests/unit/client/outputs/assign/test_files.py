"""What octcluster assign writes."""

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from octcluster.outputs.assign.files import write_assign_files
from outcomes import make_assign_outcome, show_eyes

STARTED = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def test_it_leaves_its_files(tmp_path: Path) -> None:
    outcome = make_assign_outcome(failed=1)
    write_assign_files(outcome, tmp_path, {"run": "out"}, STARTED)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"assignments.csv", "scores.json", "assign.json", "failures.csv", "report.html"}
    rows = list(csv.reader((tmp_path / "assignments.csv").read_text().splitlines()))
    assert ",".join(rows[0]) == "image,cluster,label,patient,distance,percentile,margin,outlier,seen,run_id"
    first = outcome.members[0]
    run_id = outcome.model.run_id
    assert rows[1] == [first.name, "1", "CNV", first.patient, "0.500000", "99", "0.250000", "1", "", run_id]
    assert len(rows) == 80
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert (scores["images"], scores["failed"], scores["outliers"]) == (80, 1, 1)
    assert scores["accuracy"] == 78 / 79
    assert scores["cluster_classes"] == {"0": "CNV", "1": "DME", "2": "DRUSEN", "3": "NORMAL"}
    assert scores["contingency"]["counts"][0] == [18, 1, 0, 0]
    assert {json.loads((tmp_path / name).read_text())["run_id"] for name in names if ".json" in name} == {
        run_id
    }
    assert (tmp_path / "failures.csv").read_text().splitlines()[1].endswith(f",{run_id}")
    assert f'<meta name="octcluster:run_id" content="{run_id}">' in (tmp_path / "report.html").read_text()


def test_eyes_have_a_row_each_with_the_scans_that_speak_for_them(tmp_path: Path) -> None:
    outcome = show_eyes(make_assign_outcome())
    write_assign_files(outcome, tmp_path, {}, STARTED)
    rows = list(csv.DictReader((tmp_path / "eyes.csv").read_text().splitlines()))
    assert [(row["patient"], row["eye"], row["cluster"], row["class"]) for row in rows] == [
        ("secret1", "OD", "0", "CNV"),
        ("secret1", "OS", "1", "DME"),
        ("secret2", "", "3", "NORMAL"),
    ]
    for row, eye in zip(rows, outcome.eyes, strict=True):
        counts = [int(row[f"scans_{cluster}"]) for cluster in range(4)]
        assert sum(counts) == int(row["scans"]) == len(eye.eye.rows)
        assert float(row["agreement"]) == round(counts[int(row["cluster"])] / sum(counts), 6)
        of_cluster = {
            outcome.members[scan].name
            for scan in eye.eye.rows
            if outcome.placements.clusters[scan] == eye.cluster
        }
        assert {row[f"speaking_{number}"] for number in (1, 2, 3)} <= of_cluster
    assert rows[1]["doubtful"] == "1"
    write_assign_files(make_assign_outcome(), tmp_path, {}, STARTED)
    assert not (tmp_path / "eyes.csv").exists()


def test_a_cluster_of_one_image_of_the_run_has_no_percentiles_and_outliers(tmp_path: Path) -> None:
    outcome = make_assign_outcome()
    outcome = replace(
        outcome,
        model=replace(outcome.model, cluster_sizes=[1, 23, 23, 23]),
        placements=replace(outcome.placements, outliers=[True] * 80, percentiles=[100] * 80),
    )
    write_assign_files(outcome, tmp_path, {}, STARTED)
    rows = list(csv.DictReader((tmp_path / "assignments.csv").read_text().splitlines()))
    alone = [row for row in rows if row["cluster"] == "0"]
    assert {(row["percentile"], row["outlier"]) for row in alone} == {("", "")}
    assert {(row["percentile"], row["outlier"]) for row in rows if row not in alone} == {("100", "1")}
    assert json.loads((tmp_path / "scores.json").read_text())["outliers"] == 80 - len(alone)
    page = (tmp_path / "report.html").read_text()
    assert f"Of {len(alone)} images it is unknown whether they are outliers" in page
    assert "outliers cannot be told." in page


def test_an_eye_of_one_scan_does_not_agree_with_itself(tmp_path: Path) -> None:
    outcome = show_eyes(make_assign_outcome())
    first, *others = outcome.eyes
    first = replace(first, eye=replace(first.eye, rows=first.eye.rows[:1]))
    write_assign_files(replace(outcome, eyes=[first, *others]), tmp_path, {}, STARTED)
    rows = list(csv.DictReader((tmp_path / "eyes.csv").read_text().splitlines()))
    assert (rows[0]["scans"], rows[0]["agreement"]) == ("1", "")
    assert all(float(row["agreement"]) for row in rows[1:])
    assert "It has one scan." in (tmp_path / "report.html").read_text()
