"""The file of the local Valkey: each kind of damage in its own words, and files that are whole."""

import os
import subprocess
import time
from pathlib import Path

import pytest
from known import known
from octcluster.local.dump import explain_unsaved, find_dump_fault, set_aside
from octcluster.local.programs import find_valkey, valkey_command

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def whole_dump(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a real Valkey saves at its end."""
    folder = tmp_path_factory.mktemp("whole")
    dump, socket = folder / "vectors.rdb", folder / "valkey.sock"
    with subprocess.Popen(valkey_command(folder, dump), stdout=subprocess.DEVNULL) as valkey:
        while not socket.exists():
            assert valkey.poll() is None
            time.sleep(0.02)
        import redis

        with redis.Redis(unix_socket_path=str(socket)) as client:
            client.mset({f"key {i}": os.urandom(500) for i in range(50)})
        valkey.terminate()
    return dump.read_bytes()


def test_a_whole_file_and_no_file_are_fine(whole_dump: bytes, tmp_path: Path) -> None:
    dump = tmp_path / "vectors.rdb"
    assert find_dump_fault(dump) is None
    dump.write_bytes(whole_dump)
    assert find_dump_fault(dump) is None


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda whole: b"", "it is empty"),
        (lambda whole: whole[:20_000], "it is cut short"),
        (lambda whole: whole[:30], "it is cut short"),
        (lambda whole: whole[:-3], "it is cut short"),
        (lambda whole: b"no such thing at all", "it is no file of Valkey"),
        (lambda whole: whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:], "bytes in it have changed"),
        (
            lambda whole: b"VALKEY999" + whole[9:-8] + bytes(8),
            "another Valkey or Redis wrote it, a newer one say (format 999)",
        ),
        (
            lambda whole: b"REDIS0012" + whole[9:-8] + bytes(8),
            "another Valkey or Redis wrote it, a newer one",
        ),
        (
            lambda whole: b"REDIS0999" + whole[9:],
            "another Valkey or Redis wrote it, a newer one say (format 999)",
        ),
    ],
)
def test_each_damage_has_its_words(damage: object, words: str, whole_dump: bytes, tmp_path: Path) -> None:
    dump = tmp_path / "vectors.rdb"
    assert callable(damage)
    dump.write_bytes(damage(whole_dump))
    fault = known(find_dump_fault(dump))
    assert fault.damaged
    assert fault.text.startswith(f"{dump} cannot be read: {words}")
    for part in ("cached vectors and the finished runs in it", "--renew-cache"):
        assert part in fault.text


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path) -> None:
    dump = tmp_path / "vectors.rdb"
    dump.mkdir()  # what nobody can read as a file, root included
    fault = known(find_dump_fault(dump))
    assert not fault.damaged
    assert "cannot be read (Is a directory)" in fault.text
    assert "Nothing in it is lost" in fault.text


def test_a_file_that_is_set_aside_stays_as_it_was(tmp_path: Path) -> None:
    dump = tmp_path / "vectors.rdb"
    dump.write_bytes(b"damaged")
    aside = set_aside(dump)
    assert not dump.exists()
    assert aside.read_bytes() == b"damaged"
    assert aside.parent == dump.parent


NO_SPACE = "7:M 26 Nov 2026 # Write error while saving DB to the disk(rdbSaveRio): No space left on device"
NO_RIGHT = (
    "7:M # Failed opening the temp RDB file temp-7.rdb (in server root dir /c) for saving: Permission denied"
)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (NO_SPACE, " (No space left on device)"),
        (NO_RIGHT, " (Permission denied)"),
        ("7:M * Saving the final RDB snapshot before exiting.", ""),
    ],
)
def test_the_reason_for_not_saving_is_valkeys(line: str, reason: str, tmp_path: Path) -> None:
    log = f"{line}\n7:M # Error trying to save the DB. Exit anyway.\n7:M # bye bye..."
    assert f"{tmp_path} could not be written{reason}. Free space" in explain_unsaved(tmp_path, log)


def test_the_checker_is_the_server() -> None:
    assert find_valkey().name == "valkey-server"
