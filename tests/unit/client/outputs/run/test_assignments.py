"""assignments.csv, byte for byte."""

import csv
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from octcluster.images.image_set import Scan
from octcluster.outputs.run.assignments import format_assignments
from octcluster.outputs.run.columns import list_columns
from octcluster.outputs.run.files import write_run_files
from octcluster.outputs.run.scores import format_scores
from octcluster.workflows.outcome import RunOutcome
from outcomes import make_outcome

STARTED = datetime(2026, 5, 4, 3, 2, 1, 999, tzinfo=UTC)


def write(outcome: RunOutcome, folder: Path) -> None:
    write_run_files(outcome, folder, {"images": "scans", "k": (2, 5)}, STARTED)


def rename(outcome: RunOutcome, *images: Scan) -> RunOutcome:
    """The outcome with other first members."""
    return replace(outcome, members=[*images, *outcome.members[len(images) :]])


def test_assignments_have_one_row_a_member_sorted_by_path(tmp_path: Path) -> None:
    outcome = make_outcome(failed=3, noise=True)
    write(outcome, tmp_path)
    content = (tmp_path / "assignments.csv").read_bytes()
    rows = list(csv.reader(content.decode().splitlines()))
    assert rows[0] == ["image", "cluster", "label", "patient", "silhouette", "result_id"]
    names = [row[0] for row in rows[1:]]
    assert names == sorted(names) == [image.name for image in outcome.members]
    first = outcome.members[1]
    silhouette = outcome.assignments.silhouettes[1]
    assert rows[2] == [
        first.name,
        str(outcome.assignments.clusters[1]),
        first.label,
        first.patient,
        f"{silhouette:.6f}",
        outcome.result_id,
    ]
    assert next(row for row in rows if row[1] == "-1")[4] == ""
    assert b"\r" not in content
    assert content.endswith(b"\n")


def test_unknown_label_and_patient_are_empty(tmp_path: Path) -> None:
    outcome = rename(make_outcome(classes=()), Scan(tmp_path, "a.png"))
    row = b"".join(format_assignments(outcome)).decode().splitlines()[1].split(",")
    assert (row[0], row[2], row[3]) == ("a.png", "", "")


def test_what_else_is_known_of_scans_has_columns_of_its_own(tmp_path: Path) -> None:
    outcome = make_outcome()
    scan = Scan(tmp_path, "v.dcm#12", eye="OS", device="Maker Model", number=12, format="DICOM")
    header, first, second, *_ = b"".join(format_assignments(rename(outcome, scan))).decode().splitlines()
    assert header == "image,cluster,label,patient,silhouette,eye,device,scan,result_id"
    assert first.startswith("v.dcm#12,")
    assert first.endswith(f",OS,Maker Model,12,{rename(outcome, scan).result_id}")
    assert second.rpartition(",")[0].endswith(",,,")
    assert list(list_columns(rename(outcome, scan)))[-3:] == ["eye", "device", "scan"]


def test_equal_outcomes_give_equal_bytes() -> None:
    assert list(format_assignments(make_outcome())) == list(format_assignments(make_outcome()))
    assert format_scores(make_outcome()) == format_scores(make_outcome())


@pytest.mark.parametrize(
    ("silhouette", "written"),
    [(0.123456789, "0.123457"), (-1e-9, "0.000000"), (-0.5, "-0.500000"), (None, "")],
)
def test_silhouettes_have_six_decimals(silhouette: float | None, written: str) -> None:
    outcome = make_outcome()
    assignments = replace(outcome.assignments, silhouettes=[silhouette, *outcome.assignments.silhouettes[1:]])
    row = b"".join(format_assignments(replace(outcome, assignments=assignments))).decode().splitlines()[1]
    assert row.split(",")[-2] == written
