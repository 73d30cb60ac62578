"""The audit log: it only grows, survives what cuts it off, and shows each change."""

import json
import multiprocessing
import os
import threading
from pathlib import Path

import pytest
from octcluster_gateway.audit.chain import BEGINNING, Link, verify
from octcluster_gateway.audit.events import AuditEvent, EventKind, Participant, Patient
from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.errors import AuditBroken


def make_event(number: int = 0) -> AuditEvent:
    return AuditEvent(EventKind.LOOKED_UP, (Participant("jane"),), patient=Patient(f"P-{number}", "Röe^Jane"))


def write_log(path: Path, n_events: int = 5) -> Link:
    with AuditLog(path) as log:
        for number in range(n_events):
            log.record(make_event(number))
        return log.last


def record_many(path: Path, name: str, n_events: int = 20) -> None:
    with AuditLog(path) as log:
        for _ in range(n_events):
            log.record(AuditEvent(EventKind.STARTED, (Participant(name),)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def test_log_holds_each_event_once_in_order(path: Path) -> None:
    last = write_log(path)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["number"] for line in lines] == [1, 2, 3, 4, 5]
    assert [f'ParticipantObjectID="P-{number}"' in line["message"] for number, line in enumerate(lines)] == [
        True
    ] * 5
    assert [line["previous"] for line in lines] == [BEGINNING, *(line["digest"] for line in lines[:-1])]
    assert verify(path) == last == Link(5, lines[-1]["digest"])


def test_only_its_owner_may_read_it(path: Path) -> None:
    write_log(path, 1)
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_start_goes_on_with_the_chain(path: Path) -> None:
    write_log(path, 3)
    write_log(path, 2)
    assert verify(path).number == 5


def test_empty_log_is_whole(path: Path) -> None:
    write_log(path, 0)
    assert verify(path) == Link()


def test_each_changed_byte_is_found_at_its_line(path: Path) -> None:
    record_many(path, "gateway", 2)
    original = path.read_bytes()
    ends = [index for index, byte in enumerate(original) if byte == ord("\n")]
    positions = range(len(original))
    assert len(positions) > 1500
    for position in positions:
        changed = bytearray(original)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(AuditBroken) as failure:
            verify(path)
        line = 1 + sum(end < position for end in ends)
        # A line break that is gone joins two lines: the first of them is named.
        assert failure.value.line == line, (position, chr(original[position]))
        assert f"line {line} " in str(failure.value)


@pytest.mark.parametrize(("kept", "named"), [((1, 2), 1), ((0, 2), 2), ((0, 2, 1), 2), ((0, 0, 1, 2), 2)])
def test_removed_and_moved_lines_are_found(path: Path, kept: tuple[int, ...], named: int) -> None:
    write_log(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[index] for index in kept))
    with pytest.raises(AuditBroken) as failure:
        verify(path)
    assert failure.value.line == named


def test_removed_end_is_found_by_what_was_noted(path: Path) -> None:
    noted = write_log(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    assert verify(path).number == 2
    with pytest.raises(AuditBroken, match="line 3 does not have the digest that was noted"):
        verify(path, noted)


def test_noted_line_is_found_in_a_log_that_grew(path: Path) -> None:
    noted = write_log(path, 3)
    write_log(path, 2)
    assert verify(path, noted).number == 5


def test_chain_made_anew_is_found_by_what_was_noted(path: Path, tmp_path: Path) -> None:
    noted = write_log(path, 3)
    forged = tmp_path / "forged.jsonl"
    with AuditLog(forged) as log:
        for number in (7, 8, 9, 10):
            log.record(make_event(number))
    assert verify(forged).number == 4
    with pytest.raises(AuditBroken):
        verify(forged, noted)


@pytest.mark.parametrize("n_whole", [0, 1, 3])
def test_line_that_was_cut_off_is_moved_aside(path: Path, n_whole: int) -> None:
    write_log(path, n_whole + 1)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:-20])
    with pytest.raises(AuditBroken, match=f"line {n_whole + 1} .*is cut off"):
        verify(path)
    write_log(path, 2)
    assert verify(path).number == n_whole + 2
    torn = path.with_name("audit.jsonl.torn")
    assert torn.read_bytes() == lines[-1][:-20] + b"\n"
    assert torn.stat().st_mode & 0o777 == 0o600


def test_log_that_ends_with_something_else_is_not_continued(path: Path) -> None:
    path.write_text("no log\n")
    with pytest.raises(AuditBroken, match="audit verify"):
        AuditLog(path)
    assert path.read_text() == "no log\n"


def test_threads_and_processes_share_one_chain(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers: list[threading.Thread | multiprocessing.process.BaseProcess] = [
        *(context.Process(target=record_many, args=(path, f"process-{number}")) for number in range(2)),
        *(threading.Thread(target=record_many, args=(path, f"thread-{number}")) for number in range(2)),
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert verify(path).number == 80
    text = path.read_text()
    assert {
        name: text.count(f'\\"{name}\\"') for name in ("process-0", "process-1", "thread-0", "thread-1")
    } == {
        "process-0": 20,
        "process-1": 20,
        "thread-0": 20,
        "thread-1": 20,
    }


def test_event_is_on_the_disk_when_it_is_recorded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    flush = os.fsync

    def note_flush(file: int) -> None:
        flush(file)
        flushed.append(path.stat().st_size)

    with AuditLog(path) as log:
        monkeypatch.setattr(os, "fsync", note_flush)
        log.record(make_event())
        assert flushed == [path.stat().st_size] != [0]


def test_full_disk_loses_no_earlier_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    with AuditLog(path) as log:
        log.record(make_event(1))
        monkeypatch.setattr(os, "write", lambda file, line: write(file, line[:50]))
        with pytest.raises(OSError, match="no room"):
            log.record(make_event(2))
        monkeypatch.setattr(os, "write", write)
        log.record(make_event(3))
    assert verify(path).number == 2
    assert 'ParticipantObjectID=\\"P-3\\"' in path.read_text()
