"""run.json: what is needed to repeat a run."""

import json
from dataclasses import replace
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


def test_run_record_tells_what_files_held(tmp_path: Path) -> None:
    outcome = make_outcome()
    image_set = replace(outcome.image_set, formats={"DICOM": 3}, left_out={"fundus image": 2})
    write(replace(outcome, image_set=image_set), tmp_path)
    record = read_json(tmp_path / "run.json")
    assert (record["formats"], record["left_out"]) == ({"DICOM": 3}, {"fundus image": 2})


def test_run_record_says_how_to_repeat_it(tmp_path: Path) -> None:
    outcome = make_outcome(failed=2)
    write(outcome, tmp_path)
    record = read_json(tmp_path / "run.json")
    assert record["started"] == "2026-05-04T03:02:01Z"
    assert record["versions"] == dict(outcome.versions)
    assert (record["model"], record["weights_digest"]) == ("efficientnet-lite0", "ab" * 32)
    assert record["space"]["digest"] == outcome.space.digest.hex()
    assert record["space"]["dimension"] == 1280
    assert record["seed"] == 7
    assert record["run_id"] == "0f" * 16
    assert record["classes"] == ["CNV", "DME", "DRUSEN", "NORMAL"]
    assert (record["recipe"]["name"], record["recipe"]["features"]) == ("plain-1", "pooled")
    assert record["arguments"] == {"images": "scans", "k": [2, 5]}
    assert record["runtime"] == "openvino CPU"
    assert record["blas_kernels"] == "openblas 0.3.30 Haswell"
    assert record["umap_sampled"] is None
    assert record["counts"] == {
        "images": 80, "members": 78, "embedded": 75, "cached": 3, "failed": 2, "ignored_files": 2,
        "unlabelled": 0, "stray_label_rows": 0,
    }  # fmt: skip
    assert list(record["seconds_by_stage"]) == ["Reading", "Embedding"]
