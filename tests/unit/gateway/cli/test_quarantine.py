"""The commands that look at the spool, while no gateway serves it or while one does."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from octcluster_gateway.cli.main import run_command
from octcluster_gateway.model import State
from octcluster_gateway.spool.entries import Arrival
from octcluster_gateway.spool.spool import Spool
from receivers import LIMITS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A spool with an object that waits, one that is done and two in quarantine."""
    spool = Spool(tmp_path / "spool", LIMITS)
    states = (State.PENDING, State.DONE, State.QUARANTINED, State.QUARANTINED)
    for number, state in enumerate(states, start=1):
        file = spool.open_file()
        file.write(bytes(200))
        arrival = Arrival(file.path.name, "1.2.3", f"1.2.3.{number}", "1.2.840.10008.1.2", 200, "0", "CIRRUS")
        kept = spool.keep(file, arrival)
        if state is not State.PENDING:
            spool.index.finish(kept.spool_id, state, "its frames are missing")
    spool.close()
    return tmp_path / "spool"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run_command(arguments)
    told = capsys.readouterr()
    return code, told.out, told.err


def test_status(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told, _ = run(capsys, "status", "--spool", str(folder))
    assert code == 0
    found = json.loads(told)
    assert found["objects"] == {"pending": 1, "done": 1, "ignored": 0, "quarantined": 2}
    assert found["oldest_pending_seconds"] >= 0


def test_list_show_and_retry(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spool = ("--spool", str(folder))
    assert run(capsys, "quarantine", "list", *spool)[1] == (
        "3\tits frames are missing\n4\tits frames are missing\n"
    )
    code, told, _ = run(capsys, "quarantine", "show", "4", *spool)
    shown = json.loads(told)
    assert (code, shown["sop_instance"], shown["calling_ae"]) == (0, "1.2.3.4", "CIRRUS")
    assert (folder / shown["file"]).is_file()
    received = datetime.fromisoformat(shown["received"])
    assert received.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - received) < timedelta(hours=1)
    assert run(capsys, "quarantine", "retry", "4", *spool)[1] == "1 object will be processed once more\n"
    assert run(capsys, "quarantine", "list", *spool)[1] == "3\tits frames are missing\n"
    assert run(capsys, "quarantine", "retry", *spool)[1] == "1 object will be processed once more\n"
    assert run(capsys, "quarantine", "list", *spool)[1] == ""


def test_faults_name_the_cure(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, told = run(capsys, "quarantine", "show", "77", "--spool", str(folder))
    assert (code, "no object 77" in told, "quarantine list" in told) == (1, True, True)
    code, _, told = run(capsys, "status", "--spool", str(tmp_path / "nothing"))
    assert (code, "is no spool" in told) == (2, True)
    code, _, told = run(capsys, "quarantine")
    assert (code, "quarantine retry" in told) == (2, True)
