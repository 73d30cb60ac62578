"""The local servers come up, keeps its cache, and leaves nothing behind."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from known import known
from octcluster import CacheDirectoryBusy, ClustererClient, LocalStackError, Silence
from octcluster.local.options import LocalStackOptions, default_cache_dir
from octcluster.local.stack import LocalStack

from .conftest import Recorder

HOLD = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background ignore it
from pathlib import Path
from octcluster import Silence
from octcluster.local.options import LocalStackOptions
from octcluster.local.stack import LocalStack
with LocalStack(LocalStackOptions(cache_dir=Path(sys.argv[1]), embedder=False), Silence()) as stack:
    stack.wait_until_started()
    print(stack.clusterer_address, flush=True)
    time.sleep(600)
"""


def processes_of(folder: Path) -> list[int]:
    """The processes that have a folder in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(str(folder).encode() in word for word in command):
                found.append(int(entry.name))
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def folder_of(stack: LocalStack) -> Path:
    return Path(stack.clusterer_address.removeprefix("unix:")).parent


def test_services_listen_in_a_private_folder_and_are_gone_at_the_end(cache_dir: Path) -> None:
    with LocalStack(LocalStackOptions(cache_dir, embedder=False), Silence()) as stack:
        stack.wait_until_started()
        folder = folder_of(stack)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert stack.embedder_address == ""
        with ClustererClient(stack.clusterer_address) as client:
            assert client.wait_until_serving(60).algorithms
        assert len(processes_of(folder)) == 2
    assert processes_of(folder) == []
    assert not folder.exists()
    assert (cache_dir / "vectors" / "vectors.rdb").exists()


def test_vectors_that_others_could_look_into_are_their_users_alone(
    cache_dir: Path, recorder: Recorder
) -> None:
    vectors = cache_dir / "vectors"
    vectors.mkdir()
    vectors.chmod(0o755)
    umask = os.umask(0o022)
    try:
        with LocalStack(LocalStackOptions(cache_dir, embedder=False), recorder) as stack:
            stack.wait_until_started()
            with ClustererClient(stack.clusterer_address) as client:
                client.wait_until_serving(60)
    finally:
        os.umask(umask)
    assert f"other users could look into {vectors}" in recorder.messages[0]
    assert vectors.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in [*vectors.iterdir(), cache_dir / "lock"]} == {0o600}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_stays_when_the_client_is_killed(cache_dir: Path, number: signal.Signals) -> None:
    client = subprocess.Popen([sys.executable, "-c", HOLD, str(cache_dir)], stdout=subprocess.PIPE, text=True)
    try:
        folder = Path(known(client.stdout).readline().strip().removeprefix("unix:")).parent
        assert len(processes_of(folder)) == 2
    finally:
        client.send_signal(number)
        client.wait()
    wait_until(lambda: not processes_of(folder) and not folder.exists())


def test_nothing_stays_when_the_supervisor_is_killed(cache_dir: Path) -> None:
    with LocalStack(LocalStackOptions(cache_dir, embedder=False), Silence()) as stack:
        stack.wait_until_started()
        folder = folder_of(stack)
        (supervisor,) = {parent_of(process) for process in processes_of(folder)}
        os.kill(supervisor, signal.SIGKILL)
        wait_until(lambda: not processes_of(folder))
        with pytest.raises(LocalStackError, match="start it again"):
            wait_until_failed(stack)
    assert not folder.exists()
    with LocalStack(LocalStackOptions(cache_dir, embedder=False, lock_wait_seconds=5), Silence()) as stack:
        stack.wait_until_started()


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_damaged_dump_is_told_and_the_cache_begins_anew_when_asked(
    cache_dir: Path, recorder: Recorder
) -> None:
    dump = cache_dir / "vectors" / "vectors.rdb"
    dump.parent.mkdir()
    dump.write_bytes(b"no such thing")
    with LocalStack(LocalStackOptions(cache_dir, embedder=False), Silence()) as stack:
        with pytest.raises(LocalStackError) as failure:
            wait_until_failed(stack)
        assert f"{dump} cannot be read: it is no file of Valkey" in str(failure.value)
        assert "vectors and the finished runs in it are lost" in str(failure.value)
        assert "--renew-cache" in str(failure.value)
    assert dump.read_bytes() == b"no such thing", "nothing is lost unasked"

    options = LocalStackOptions(cache_dir, embedder=False, renew_cache=True)
    for told in (1, 1):  # the second time there is nothing to renew
        with LocalStack(options, recorder) as stack:
            stack.wait_until_started()
            with ClustererClient(stack.clusterer_address) as client:
                client.wait_until_serving(60)
        assert not stack.unsaved
        assert len(recorder.messages) == told
    (aside,) = dump.parent.glob("vectors.rdb.damaged-*")
    assert aside.read_bytes() == b"no such thing"
    assert aside.name in recorder.messages[0]


def test_a_service_that_dies_is_told_with_its_log(cache_dir: Path) -> None:
    with LocalStack(LocalStackOptions(cache_dir, embedder=False), Silence()) as stack:
        stack.wait_until_started()
        (valkey,) = (
            process
            for process in processes_of(folder_of(stack))
            if b"valkey-server" in Path(f"/proc/{process}/cmdline").read_bytes()
        )
        os.kill(valkey, signal.SIGKILL)
        with pytest.raises(
            LocalStackError, match="the valkey that was started for this run has ended"
        ) as told:
            wait_until_failed(stack)
        assert "The end of its log:" in str(told.value)


def wait_until_failed(stack: LocalStack) -> None:
    for _ in range(600):
        stack.wait_until_started()
        stack.check()
        time.sleep(0.1)


def test_the_second_run_waits_for_the_cache_folder(cache_dir: Path, recorder: Recorder) -> None:
    held = os.open(cache_dir / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    with LocalStack(LocalStackOptions(cache_dir, embedder=False, lock_wait_seconds=60), recorder) as stack:
        time.sleep(2)
        assert processes_of(folder_of(stack)) == []
        os.close(held)
        stack.wait_until_started()
        assert len(processes_of(folder_of(stack))) == 2
    assert len(recorder.messages) <= 1


def test_the_wait_for_the_cache_folder_is_told_and_ends(cache_dir: Path, recorder: Recorder) -> None:
    with LocalStack(LocalStackOptions(cache_dir, embedder=False), Silence()) as first:
        first.wait_until_started()
        options = LocalStackOptions(cache_dir, embedder=False, lock_wait_seconds=6)
        holder = f"process {os.getpid()}, since .* --cache-dir"
        with LocalStack(options, recorder) as second, pytest.raises(CacheDirectoryBusy, match=holder):
            second.wait_until_started()
        assert len(recorder.messages) == 1
        assert str(cache_dir) in recorder.messages[0]
        first.check()


def test_a_cache_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalStackError, match="--cache-dir"):
        LocalStack(LocalStackOptions(tmp_path / "file" / "cache"), Silence()).__enter__()


def test_a_lock_that_cannot_be_opened_is_told(cache_dir: Path) -> None:
    (cache_dir / "lock").mkdir()
    told = pytest.raises(LocalStackError, match=f"Is a directory .{cache_dir}/lock.* --cache-dir")
    with LocalStack(LocalStackOptions(cache_dir, embedder=False), Silence()) as stack, told:
        stack.wait_until_started()


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert default_cache_dir() == Path("/elsewhere/octcluster")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_dir() == Path.home() / ".cache" / "octcluster"
