"""How a command names a run that has been done."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from octcluster.model.errors import InvalidArguments
from octcluster.outputs.run.files import write_run_files
from octcluster.workflows.finished_runs import FinishedRun, find_run
from outcomes import make_outcome


def test_a_run_is_found_by_its_folder_or_its_id(tmp_path: Path) -> None:
    write_run_files(make_outcome(), tmp_path, {"clusterer": "box:1"}, datetime.now(UTC))
    run = FinishedRun("0f" * 16, ["CNV", "DME", "DRUSEN", "NORMAL"], {"clusterer": "box:1"})
    assert find_run(str(tmp_path)) == run
    assert find_run("0f" * 16) == FinishedRun("0f" * 16)
    with pytest.raises(InvalidArguments, match=r"is no finished run: give the folder"):
        find_run(str(tmp_path / "nowhere"))
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(InvalidArguments, match="do the run again"):
        find_run(str(tmp_path))
