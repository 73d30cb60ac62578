"""A run's folder as the explorer reads it, and its columns as the page does."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from explorers import read_columns
from made_results import write_result
from octcluster.explorer.columns import format_columns
from octcluster.explorer.result import find_outliers, read_result
from octcluster.images.image_set import Scan
from octcluster.images.readers.reader import ScanFacts
from octcluster.model.errors import InvalidArguments
from octcluster.workflows.outcome import RunOutcome
from outcomes import add_trust, make_outcome


def of_volumes(outcome: RunOutcome) -> RunOutcome:
    """The outcome with eye, visit and device, and its second image the third scan of a file."""
    members = [
        replace(scan, eye="OD" if row % 2 else None, visit="2024-02-29", device="Spectralis")
        for row, scan in enumerate(outcome.members)
    ]
    first = members[1]
    members[1] = replace(first, name=f"{first.name}#3", number=3, facts=ScanFacts(), format="DICOM")
    return replace(outcome, members=members)


def test_columns_are_those_of_the_table(tmp_path: Path) -> None:
    outcome = add_trust(make_outcome(noise=True))
    result = read_result(str(write_result(tmp_path / "run", outcome)))
    arrays, values = read_columns(format_columns(result))
    assert arrays["cluster"].tolist() == list(outcome.assignments.clusters)
    assert [values["class"][code] for code in arrays["class"]] == [scan.label for scan in outcome.members]
    np.testing.assert_array_equal(arrays["pca_x"], np.array(outcome.assignments.x, dtype=np.float32))
    assert np.isnan(arrays["silhouette"]).tolist() == [c == -1 for c in outcome.assignments.clusters]
    assert np.isnan(arrays["distance"]).tolist() == [c == -1 for c in outcome.assignments.clusters]
    assert np.flatnonzero(arrays["duplicate"]).tolist() == [0, 1, 5, 30]
    assert {"umap_x", "scan", "eye", "visit", "volume", "device"}.isdisjoint(arrays)
    assert len({len(array) for array in arrays.values()}) == 1


def test_what_identifies_is_named_by_numbers(tmp_path: Path) -> None:
    outcome = of_volumes(make_outcome())
    result = read_result(str(write_result(tmp_path / "run", outcome)))
    content = format_columns(result)
    arrays, values = read_columns(content)
    assert values["patient"] == [f"patient {number}" for number in range(1, 8)]
    assert (values["visit"], values["volume"]) == (["visit 1"], ["volume 1"])
    assert (values["eye"], values["device"]) == (["OD"], ["Spectralis"])
    assert arrays["scan"].tolist() == [3 if row == 1 else -1 for row in range(80)]
    assert arrays["volume"].tolist() == [0 if row == 1 else -1 for row in range(80)]
    assert b"secret" not in content
    assert b"2024" not in content
    _, named = read_columns(format_columns(result, identified=True))
    assert (named["patient"][0], named["visit"]) == ("secret0", ["2024-02-29"])
    assert named["volume"] == [outcome.members[1].file_name]


def test_a_scan_is_found_again_whatever_its_name(tmp_path: Path) -> None:
    outcome = of_volumes(make_outcome())
    odd = Scan(Path("/data"), "odd/\udce9=1.png", "CNV")
    outcome = replace(outcome, members=[odd, *outcome.members[1:]])
    images = tmp_path / "elsewhere"
    images.mkdir()
    result = read_result(str(write_result(tmp_path / "run", outcome)), images)
    assert result.scan(0) == Scan(images, "odd/\udce9=1.png")
    assert result.scan(1).path == images / outcome.members[1].file_name
    assert result.scan(1).number == 3


def test_images_beside_the_result_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_result(tmp_path / "run")
    record = json.loads((folder / "run.json").read_text())
    record["arguments"]["images"] = "scans"
    (folder / "run.json").write_text(json.dumps(record))
    (tmp_path / "scans").mkdir()
    assert read_result(str(folder)).root == tmp_path / "scans"
    (tmp_path / "elsewhere/scans").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert read_result(str(folder)).root == Path("scans")


def test_images_that_are_named_must_be_there(tmp_path: Path) -> None:
    folder = write_result(tmp_path / "run")
    with pytest.raises(InvalidArguments, match="nowhere does not exist: name the folder of the run's images"):
        read_result(str(folder), tmp_path / "nowhere")
    listed = tmp_path / "list.txt"
    listed.touch()
    assert read_result(str(folder), listed).root == tmp_path


def test_outliers_are_beyond_99_percent_of_their_cluster() -> None:
    distances = np.arange(400, dtype=np.float32)
    distances[7] = np.nan
    clusters = np.array([0] * 200 + [1] * 195 + [-1] * 5, dtype=np.int32)
    distances[395:] = np.nan
    assert np.flatnonzero(find_outliers(clusters, distances)).tolist() == [199, 394]


def test_the_output_of_an_assignment_names_the_run(tmp_path: Path) -> None:
    (tmp_path / "assign.json").write_text(json.dumps({"arguments": {"run": "first/result"}}))
    with pytest.raises(
        InvalidArguments, match="explore the run that its images were assigned to, first/result"
    ):
        read_result(str(tmp_path))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "run.json").unlink(), "is no folder of a finished run: give the folder"),
        (lambda folder: (folder / "assignments.parquet").unlink(), r"assignments\.parquet: do the run again"),
        (lambda folder: (folder / "assignments.parquet").write_bytes(b"PAR1"), "does not say which one run"),
        (
            lambda folder: (folder / "scores.json").write_text(
                json.dumps({"run_id": "1" * 32, "result_id": "2" * 32})
            ),
            "holds files of 2 runs",
        ),
    ],
    ids=["no record", "no table", "damaged table", "two runs"],
)
def test_a_folder_that_is_no_result_is_refused(spoil: object, message: str, tmp_path: Path) -> None:
    folder = write_result(tmp_path / "run")
    assert callable(spoil)
    spoil(folder)
    with pytest.raises(InvalidArguments, match=message):
        read_result(str(folder))
