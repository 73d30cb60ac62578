"""What octcluster assign writes."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

from octcluster.outputs.assign.files import write_assign_files
from outcomes import make_assign_outcome

STARTED = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def test_it_leaves_its_files(tmp_path: Path) -> None:
    outcome = make_assign_outcome(failed=1)
    write_assign_files(outcome, tmp_path, {"run": "out"}, STARTED)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"assignments.csv", "scores.json", "assign.json", "failures.csv"}
    rows = list(csv.reader((tmp_path / "assignments.csv").read_text().splitlines()))
    assert rows[0] == ["image", "cluster", "label", "patient", "distance", "margin", "outlier"]
    first = outcome.members[0]
    assert rows[1] == [first.name, "1", "CNV", first.patient, "0.500000", "0.250000", "1"]
    assert len(rows) == 80
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert (scores["images"], scores["failed"], scores["outliers"]) == (80, 1, 1)
    assert scores["accuracy"] == 78 / 79
    assert scores["cluster_classes"] == {"0": "CNV", "1": "DME", "2": "DRUSEN", "3": "NORMAL"}
    assert scores["contingency"]["counts"][0] == [18, 1, 0, 0]
    assert json.loads((tmp_path / "assign.json").read_text())["run_id"] == outcome.run_id
