"""Each promise of the chaos can be seen to be broken: what is broken here is found."""

import fcntl
import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from fault_log import FaultLog
from faults import draw_faults
from processes import running_store
from programs import MARK, Life, Size, marked_processes
from promises import (
    Acknowledged,
    Ledger,
    find_false_reason,
    find_growth,
    find_held_lock,
    find_left_files,
    find_orphans,
    name_loss,
)
from stores import store_program
from waiting import wait_until

AWAY = "ServerUnavailable: no answer from the embedder at 127.0.0.1:1: is it running?"


def fault_at(log: FaultLog, kind: str, target: str, began: float, ended: float | None) -> None:
    fault = log.begin(kind, target)
    fault.began, fault.ended = began, ended


def test_a_reason_is_true_only_where_its_cause_was_at_work() -> None:
    log = FaultLog()
    fault_at(log, "kill", "embedder", 100.0, 110.0)
    fault_at(log, "kill", "clusterer", 200.0, 210.0)
    assert find_false_reason(AWAY, log, 105.0, 130.0) == ""
    assert "without its cause" in find_false_reason(AWAY, log, 120.0, 130.0)
    assert "without its cause" in find_false_reason(AWAY, log, 200.0, 205.0)
    assert "no reason" in find_false_reason("ServerFailed: look at its log", log, 105.0, 130.0)


def test_a_loss_has_a_name_only_where_durability_allows_it() -> None:
    log, now = FaultLog(), time.monotonic()
    held = Acknowledged(now - 100, now - 90, b"")
    assert name_loss(held, log, is_run=True) == ""
    fault_at(log, "kill", "redis", now - 60, now - 59)
    assert name_loss(held, log, is_run=True) == ""
    assert Ledger().judge_loss("run", held, log, is_run=True) == "run was acknowledged and is lost"
    fault_at(log, "cut", "redis", now - 95, now - 91)
    assert name_loss(held, log, is_run=True) == "", "it is saved when Redis is back"
    fault_at(log, "kill", "clusterer", now - 80, now - 79)
    assert "before Redis, which was away" in name_loss(held, log, is_run=True)
    assert name_loss(held, log, is_run=False) == ""
    fault_at(log, "kill", "redis", now - 89, now - 88)
    ledger = Ledger()
    assert ledger.judge_loss("vector", held, log, is_run=False) == ""
    assert "appendfsync everysec" in ledger.named_losses[0]


@pytest.mark.parametrize("grown", [Size(200 << 20, 0, 0), Size(0, 30, 0), Size(0, 0, 30)])
def test_growth_is_found(grown: Size) -> None:
    small = Size(100 << 20, 20, 10)
    large = Size(*(getattr(small, name) + getattr(grown, name) for name in vars(small)))
    assert find_growth([Life("clusterer", 1, 0.0, [small] * 9)]) == []
    assert find_growth([Life("clusterer", 1, 0.0, [small, small, large])]) == [], "it was not there for long"
    (told,) = find_growth([Life("clusterer", 1, 0.0, [small] * 4 + [large] * 5)])
    assert "clusterer grew" in told


@pytest.mark.heavy
def test_orphans_are_found(tmp_path: Path) -> None:
    sleeping = subprocess.Popen(["sleep", "60"], env=os.environ | {MARK: str(tmp_path)})
    try:
        wait_until(lambda: bool(marked_processes(tmp_path)))  # the system may not show its environment yet
        (told,) = find_orphans(lambda: marked_processes(tmp_path), seconds=0.5)
        assert "sleep 60" in told
        assert marked_processes(tmp_path / "another") == {}
    finally:
        sleeping.kill()
        sleeping.wait()
    assert find_orphans(lambda: marked_processes(tmp_path)) == []


@pytest.mark.heavy
def test_a_valkey_of_commands_is_found_although_it_hides_its_environment() -> None:
    with tempfile.TemporaryDirectory(prefix="oct-", dir="/tmp") as name:
        folder = Path(name)
        with running_store(store_program("valkey"), folder / "valkey.sock") as valkey:
            assert valkey.pid in marked_processes(folder)


def test_left_files_and_locks_are_found(tmp_path: Path) -> None:
    for name in ("tmp", "outputs"):
        (tmp_path / name).mkdir()
    folders = [tmp_path / "tmp", tmp_path / "outputs"]
    assert find_left_files(folders) == []
    (tmp_path / "tmp/octcluster-1").mkdir()
    (tmp_path / "outputs/.scores.json.octcluster-part").touch()
    assert len(find_left_files(folders)) == 2

    lock = tmp_path / "lock"
    assert find_held_lock(lock) == []
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert find_held_lock(lock) != []
    assert find_held_lock(lock) == []


def test_a_seed_draws_the_same_faults_and_spares_services_at_the_end() -> None:
    first, again, other = draw_faults(1, 600), draw_faults(1, 600), draw_faults(2, 600)
    assert first == again != other
    assert len(first) > 60
    late = [planned for planned in first if planned.at > 400 and planned.kind == "kill"]
    assert {planned.target for planned in late}.isdisjoint({"clusterer", "embedder"})
