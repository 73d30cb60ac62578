"""How a command names a run that has been done."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from known import known
from octcluster.model.errors import InvalidArguments
from octcluster.outputs.run.files import write_run_files
from octcluster.workflows.finished_runs import FinishedRun, find_run
from outcomes import CLASSES, fit, make_outcome

RUN_ID = "0f" * 16


def test_a_run_is_found_by_its_folder_or_its_id(tmp_path: Path) -> None:
    write_run_files(make_outcome(), tmp_path, {"clusterer": "box:1"}, datetime.now(UTC))
    assert find_run(str(tmp_path)) == FinishedRun(
        RUN_ID, list(CLASSES), {"clusterer": "box:1"}, None, tmp_path
    )
    assert find_run(RUN_ID) == FinishedRun(RUN_ID)
    with pytest.raises(InvalidArguments, match=r"is no finished run: give the folder"):
        find_run(str(tmp_path / "nowhere"))
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(InvalidArguments, match="do the run again"):
        find_run(str(tmp_path))


def test_a_run_is_found_by_its_model_file_alone(tmp_path: Path) -> None:
    result, elsewhere = tmp_path / "result", tmp_path / "elsewhere"
    result.mkdir()
    elsewhere.mkdir()
    write_run_files(fit(make_outcome()), result, {"clusterer": "box:1", "model": None}, datetime.now(UTC))
    whole = find_run(str(result))
    assert known(whole.model).fitted
    assert whole.folder == result
    alone = (result / "model.npz").rename(elsewhere / "model.npz")
    for reference in (alone, elsewhere):
        run = find_run(str(reference))
        assert (run.run_id, run.classes, run.model, run.folder) == (RUN_ID, list(CLASSES), whole.model, None)
        assert run.arguments == {"model": "efficientnet-lite0"}  # an embedder that is started needs no more


def test_a_folder_with_another_model_than_its_record_tells_is_refused(tmp_path: Path) -> None:
    write_run_files(fit(make_outcome()), tmp_path, {}, datetime(2026, 5, 4, tzinfo=UTC))
    other = (tmp_path / "model.npz").read_bytes()
    write_run_files(fit(make_outcome()), tmp_path, {}, datetime.now(UTC))
    (tmp_path / "model.npz").write_bytes(other)
    with pytest.raises(InvalidArguments, match="is not that of the run in"):
        find_run(str(tmp_path))


def test_a_run_without_a_model_says_so_and_leaves_no_old_one(tmp_path: Path) -> None:
    write_run_files(fit(make_outcome()), tmp_path, {}, datetime.now(UTC))
    assert (tmp_path / "model.npz").exists()
    write_run_files(make_outcome(), tmp_path, {}, datetime.now(UTC))
    assert not (tmp_path / "model.npz").exists()
    assert find_run(str(tmp_path)).model is None
