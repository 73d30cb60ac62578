"""What the spool keeps, and what it finds after an end without warning."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dicom_senders import sop_instance, write_object, write_objects
from octcluster_gateway.errors import CannotStart, ObjectTooLarge, SpoolFull
from octcluster_gateway.model import State
from octcluster_gateway.spool.entries import Arrival
from octcluster_gateway.spool.guest import GuestSpool
from octcluster_gateway.spool.incoming import IncomingFile
from octcluster_gateway.spool.locks import hold_lock
from octcluster_gateway.spool.opening import open_index
from octcluster_gateway.spool.outbox import COPIES, REPORTS, Outbox, count_outgoing
from octcluster_gateway.spool.retention import remove_processed
from octcluster_gateway.spool.spool import COMMIT_LOCK, Kept, Spool, SpoolLimits
from receivers import LIMITS
from small_disk import fill_disk, small_disk


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool", LIMITS)
    yield opened
    opened.close()


def keep(spool: Spool, source: Path, number: int) -> Kept:
    file = spool.open_file()
    for begin in range(0, source.stat().st_size, 1000):
        file.write(source.read_bytes()[begin : begin + 1000])
    return spool.keep(file, describe(file, number))


def describe(file: IncomingFile, number: int) -> Arrival:
    syntax = "1.2.840.10008.1.2.1"
    return Arrival(
        file.path.name, "1.2.840.1", sop_instance(number), syntax, file.size_bytes, file.sha256, "A"
    )


def test_folder_is_for_its_owner_alone(spool: Spool) -> None:
    assert spool.folder.stat().st_mode & 0o077 == 0
    assert spool.open_file().path.stat().st_mode & 0o077 == 0


def test_files_are_for_their_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        opened = Spool(tmp_path / "spool", LIMITS)
        try:
            modes = {path.name: path.stat().st_mode & 0o777 for path in opened.folder.iterdir()}
        finally:
            opened.close()
    finally:
        os.umask(before)
    assert modes == {
        **dict.fromkeys(
            ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm", "lock", "commit.lock"), 0o600
        ),
        **dict.fromkeys(("incoming", "objects"), 0o700),
    }


def test_index_of_an_earlier_release_is_closed_to_others(spool: Spool) -> None:
    files = [spool.folder / f"index.sqlite{end}" for end in ("", "-wal", "-shm")]
    for file in files:
        file.chmod(0o644)
    open_index(spool.folder).close()
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_open_folder_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for mode, warnings in ((0o700, 0), (0o750, 0), (0o755, 1)):
        folder = tmp_path / oct(mode)
        folder.mkdir()
        folder.chmod(mode)
        Spool(folder, LIMITS).close()
        assert len(caplog.messages) == warnings
    assert "chmod 700" in caplog.text


def test_second_gateway_is_refused(spool: Spool) -> None:
    with pytest.raises(CannotStart, match="another process serves it"):
        Spool(spool.folder, LIMITS)


def test_guest_brings_objects_while_a_gateway_serves(spool: Spool, tmp_path: Path) -> None:
    sources = write_objects(tmp_path / "sent", 40)
    guest = GuestSpool(spool.folder, LIMITS)
    try:
        with pytest.raises(CannotStart, match="another process"):
            GuestSpool(spool.folder, LIMITS)
        with ThreadPoolExecutor(8) as pool:
            kept = list(
                pool.map(
                    lambda number: keep((spool, guest)[number % 2], sources[number - 1], number),
                    [*range(1, 41), 2, 3],
                )
            )
    finally:
        guest.close()
    assert sum(one.is_known for one in kept) == 2
    assert spool.index.count_states()[State.PENDING] == 40
    assert len(list((spool.folder / "objects").iterdir())) == 40


def test_guest_needs_a_spool_and_drops_what_an_earlier_one_left(spool: Spool, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="is no spool"):
        GuestSpool(tmp_path / "nowhere", LIMITS)
    (spool.folder / "pulled").mkdir()
    (spool.folder / "pulled/half.dcm").touch()
    (spool.folder / "incoming/coming.dcm").touch()
    GuestSpool(spool.folder, LIMITS).close()
    assert list((spool.folder / "pulled").iterdir()) == []
    assert len(list((spool.folder / "incoming").iterdir())) == 1


def test_start_waits_while_a_guest_moves_an_object(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    Spool(folder, LIMITS).close()
    with ThreadPoolExecutor(1) as pool:
        with hold_lock(folder / COMMIT_LOCK):
            starting = pool.submit(Spool, folder, LIMITS)
            with pytest.raises(TimeoutError):
                starting.result(0.3)
        starting.result(30).close()


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    source = write_object(tmp_path / "a.dcm", 1)
    first = Spool(tmp_path / "spool", LIMITS)
    kept = keep(first, source, 1)
    first.close()
    again = Spool(tmp_path / "spool", LIMITS)
    entry = again.index.get(kept.spool_id)
    assert again.stored(entry).path.read_bytes() == source.read_bytes()
    assert keep(again, source, 1) == Kept(kept.spool_id, is_known=True)
    again.close()


def test_file_without_a_row_is_taken_in(tmp_path: Path) -> None:
    source = write_object(tmp_path / "a.dcm", 1)
    Spool(tmp_path / "spool", LIMITS).close()
    shutil.copy(source, tmp_path / "spool/objects/orphan.dcm")
    shutil.copy(source, tmp_path / "spool/incoming/half.dcm")
    spool = Spool(tmp_path / "spool", LIMITS)
    [entry] = spool.index.list_state(State.PENDING)
    assert (entry.file, entry.instance.sop_instance) == ("orphan.dcm", sop_instance(1))
    assert list((tmp_path / "spool/incoming").iterdir()) == []
    # Its sender, which got no answer, sends it once more.
    assert keep(spool, source, 1).is_known
    spool.close()


def test_other_content_is_told(spool: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep(spool, write_object(tmp_path / "a.dcm", 1), 1)
    assert caplog.messages == []
    other = keep(spool, write_object(tmp_path / "b.dcm", 1, {0x00100020: ("LO", "P-OTHER")}), 1)
    [message] = caplog.messages
    assert f"object {other.spool_id} is in quarantine: another object with the same" in message
    assert sop_instance(1) not in message


def test_missing_file_is_told_and_healed_by_its_sender(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_object(tmp_path / "a.dcm", 1)
    first = Spool(tmp_path / "spool", LIMITS)
    keep(first, source, 1)
    first.close()
    for file in (tmp_path / "spool/objects").iterdir():
        file.unlink()
    spool = Spool(tmp_path / "spool", LIMITS)
    [entry] = spool.index.list_state(State.QUARANTINED)
    assert "its file is missing" in entry.instance.reason
    assert f"object {entry.instance.spool_id} is in quarantine: its file is missing" in caplog.text
    keep(spool, source, 1)
    [entry] = spool.index.list_state(State.PENDING)
    assert spool.stored(entry).path.read_bytes() == source.read_bytes()
    spool.close()


def test_many_threads_keep_at_once(spool: Spool, tmp_path: Path) -> None:
    sources = [write_object(tmp_path / f"{number}.dcm", number) for number in range(1, 41)]
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda number: keep(spool, sources[number - 1], number), range(1, 41)))
    assert sorted(one.spool_id for one in kept) == list(range(1, 41))
    assert spool.index.count_states()[State.PENDING] == 40


def test_digest_does_not_depend_on_the_file_meta_information(spool: Spool, tmp_path: Path) -> None:
    content = write_object(tmp_path / "a.dcm", 1).read_bytes()
    length = int.from_bytes(content[140:144], "little")
    longer = content[: 144 + length] + bytes.fromhex("0200130053480400") + b"LONG" + content[144 + length :]
    longer = longer[:140] + (length + 12).to_bytes(4, "little") + longer[144:]
    digests = set()
    for data, step in ((content, 1), (content, 70000), (longer, 131), (longer, 144)):
        file = spool.open_file()
        for begin in range(0, len(data), step):
            file.write(data[begin : begin + step])
        digests.add(file.sha256)
        file.discard()
    assert len(digests) == 1


def test_object_above_the_limit_is_dropped(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", SpoolLimits(1, 1 << 20))
    file = spool.open_file()
    file.write(bytes(1 << 20))
    file.write(b"1")
    assert not file.path.exists()
    with pytest.raises(ObjectTooLarge, match="--max-object-bytes"):
        spool.keep(file, describe(file, 1))
    spool.close()


def test_full_disk_refuses_and_takes_again_when_it_has_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4096) as disk:
        source = write_object(tmp_path / "a.dcm", 1, {0x00420011: ("OB", bytes(500_000))})
        spool = Spool(disk / "spool", SpoolLimits(1 << 16, 1 << 30))
        try:
            filler = fill_disk(disk, leave_kibibytes=200)
            with pytest.raises(SpoolFull):
                keep(spool, source, 1)
            assert list((disk / "spool/incoming").iterdir()) == []
            filler.unlink()
            keep(spool, source, 1)
        finally:
            spool.close()


def test_index_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    first = Spool(folder, LIMITS)
    kept = keep(first, write_object(tmp_path / "a.dcm", 1), 1)
    with first.index.transaction() as database:
        for table in ("image_keys", "copies"):
            database.execute(f"DROP TABLE {table}")
        database.execute(
            "CREATE TRIGGER report_of_result AFTER INSERT ON results BEGIN "
            "INSERT INTO reports (number, spool_id) VALUES (NEW.number, NEW.spool_id); END"
        )
    first.close()
    later = Spool(folder, LIMITS)
    try:
        for kind in (REPORTS, COPIES):
            Outbox(later.index, kind, is_open=True)
        later.index.note_image_keys([(kept.spool_id, bytes(32))])
        later.index.finish(kept.spool_id, State.DONE, "", [("OD", "{}")])
        assert [count_outgoing(later.index, kind) for kind in (REPORTS, COPIES)] == [{"pending": 1}] * 2
    finally:
        later.close()


def test_only_processed_objects_lose_their_files(spool: Spool, tmp_path: Path) -> None:
    ids = [keep(spool, write_object(tmp_path / f"{n}.dcm", n), n).spool_id for n in (1, 2, 3, 4)]
    spool.index.finish(ids[0], State.DONE, "", [("OD", "{}")])
    spool.index.finish(ids[1], State.IGNORED, "no B-scans")
    spool.index.finish(ids[2], State.QUARANTINED, "broken")
    assert remove_processed(spool, keep_days=1) == 0
    assert remove_processed(spool, keep_days=0) == 2
    left = {path.name for path in (spool.folder / "objects").iterdir()}
    assert left == {spool.index.get(ids[2]).file, spool.index.get(ids[3]).file}
    # An object that was processed is recognized, though its file is gone.
    assert keep(spool, tmp_path / "1.dcm", 1).is_known
    assert len(list((spool.folder / "objects").iterdir())) == 2


def test_an_object_is_finished_once(spool: Spool, tmp_path: Path) -> None:
    spool_id = keep(spool, write_object(tmp_path / "a.dcm", 1), 1).spool_id
    for _ in range(2):
        spool.index.finish(spool_id, State.DONE, "", [("OD", "{}")])
    assert len(spool.index.list_unwritten()) == 1


_KEEPER = """
    import sys
    from pathlib import Path
    from octcluster_gateway.spool.entries import Arrival
    from octcluster_gateway.spool.spool import Spool, SpoolLimits

    spool = Spool(Path(sys.argv[1]), SpoolLimits(1, 1 << 30))
    content = Path(sys.argv[2]).read_bytes()
    for number in range(1, 100000):
        file = spool.open_file()
        file.write(content)
        uid = f"1.2.3.{sys.argv[3]}.{number}"
        spool.keep(file, Arrival(file.path.name, "1.2", uid, "1.2.840.10008.1.2.1", 1, uid, "A"))
        print(uid, flush=True)
"""


@pytest.mark.heavy
def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    source = write_object(tmp_path / "a.dcm", 1)
    told: list[str] = []
    for turn in range(4):
        command = [
            sys.executable,
            "-c",
            textwrap.dedent(_KEEPER),
            str(tmp_path / "spool"),
            str(source),
            str(turn),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            told += [process.stdout.readline().strip() for _ in range(20 + 13 * turn)]
            os.kill(process.pid, signal.SIGKILL)
            told += process.stdout.read().split("\n")[:-1]
    spool = Spool(tmp_path / "spool", LIMITS)
    entries = {entry.instance.sop_instance: entry for entry in spool.index.list_state(State.PENDING)}
    assert len(told) == len(set(told)) > 100
    assert set(told) <= entries.keys()
    for uid in told:
        assert spool.stored(entries[uid]).path.read_bytes() == source.read_bytes()
    spool.close()


def test_a_backup_of_the_index_that_is_put_back_loses_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    sources = [write_object(tmp_path / f"{number}.dcm", number) for number in (1, 2, 3)]
    spool = Spool(folder, LIMITS)
    keep(spool, sources[0], 1)
    spool.close()
    shutil.copytree(folder, tmp_path / "backup")
    spool = Spool(folder, LIMITS)
    keep(spool, sources[1], 2)
    keep(spool, sources[2], 3)
    spool.close()
    # The index is of yesterday, and the files are of today.
    for file in folder.glob("index.sqlite*"):
        file.unlink()
    for file in (tmp_path / "backup").glob("index.sqlite*"):
        shutil.copy(file, folder)
    spool = Spool(folder, LIMITS)
    waiting = {entry.instance.sop_instance: entry for entry in spool.index.list_state(State.PENDING)}
    assert set(waiting) == {sop_instance(number) for number in (1, 2, 3)}
    assert all(spool.stored(entry).path.is_file() for entry in waiting.values())
    spool.close()
