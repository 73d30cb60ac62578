"""Refused peers are in the audit log, and cannot fill it."""

from pathlib import Path

import pytest
from octcluster_gateway.audit.chain import verify
from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.audit.strangers import Strangers


def test_each_is_accounted_for_once_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, now = tmp_path / "audit.jsonl", 100.0
    monkeypatch.setattr("octcluster_gateway.audit.strangers.time.monotonic", lambda: now)
    with AuditLog(path) as log:
        strangers = Strangers("OCTCLUSTER", log)
        for _ in range(5):
            strangers.account("", "192.0.2.1", "its address is of no peer")
        strangers.account("", "192.0.2.2", "its address is of no peer")
        assert verify(path).number == 2
        now += 61
        strangers.account("", "192.0.2.1", "its address is of no peer")
    assert verify(path).number == 3
    assert "4 times more before" in path.read_text().splitlines()[-1]


def test_many_strangers_take_no_memory_without_end(tmp_path: Path) -> None:
    with AuditLog(tmp_path / "audit.jsonl") as log:
        strangers = Strangers("OCTCLUSTER", log)
        for number in range(1100):
            strangers._count("", str(number), "its address is of no peer")
        assert len(strangers._known) == 1000
