"""The files that a run leaves: exactly those of the contract."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from octcluster.outputs.run.files import write_run_files
from octcluster.workflows.outcome import RunOutcome
from outcomes import make_outcome

STARTED = datetime(2026, 5, 4, 3, 2, 1, 999, tzinfo=UTC)


def write(outcome: RunOutcome, folder: Path) -> None:
    write_run_files(outcome, folder, {"images": "scans", "k": (2, 5)}, STARTED)


def read_json(path: Path) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def test_a_run_leaves_exactly_the_files_of_the_contract(tmp_path: Path) -> None:
    write(make_outcome(failed=2), tmp_path)
    names = {
        "assignments.csv",
        "assignments.parquet",
        "scores.json",
        "report.html",
        "run.json",
        "failures.csv",
    }
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_run_without_failures_removes_the_old_failures(tmp_path: Path) -> None:
    write(make_outcome(failed=1), tmp_path)
    write(make_outcome(), tmp_path)
    assert not (tmp_path / "failures.csv").exists()
    assert read_json(tmp_path / "scores.json")["failed"] == 0


def test_failures_name_image_and_reason(tmp_path: Path) -> None:
    outcome = make_outcome(failed=1)
    write(outcome, tmp_path)
    rows = (tmp_path / "failures.csv").read_text(encoding="utf-8").splitlines()
    failure = outcome.failures[0]
    assert rows == [
        "image,reason,result_id",
        f"{failure.image.name},{failure.reason},{outcome.result_id}",
    ]
