"""Shards on a real file system: killed writers, full disks, missing rights, and what is told of them."""

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from octcluster_clusterer.errors import StoreRefused, StoreUnavailable
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.opening import VectorPlace, open_vectors
from octcluster_clusterer.store.parquet.compaction import SpaceCompaction
from octcluster_clusterer.store.parquet.local_folder import LocalFolder
from octcluster_clusterer.store.parquet.opening import open_folder
from octcluster_clusterer.store.vectors import VectorCache
from other_user import as_another_user
from small_disk import fill_disk, small_disk

pytestmark = pytest.mark.heavy

SPACE = VectorSpace(b"\x01" * 32, dimension=256)

# Puts vectors that follow from their number, and says so of each; merges them all the while.
WRITER = """
import sys, numpy as np
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.opening import VectorPlace, open_vectors
cache = open_vectors(VectorPlace(sys.argv[1]))
space = VectorSpace(b"\\x01" * 32, dimension=256)
for number in range(int(sys.argv[2]), 10**9):
    key = number.to_bytes(32, "big")
    cache.put(space, [(key, np.full(256, number, "<f4").tobytes())])
    print(number, flush=True)
"""


def open_at(folder: Path) -> VectorCache:
    return open_vectors(VectorPlace(f"file://{folder}"))


def make_vectors(n_vectors: int, space: VectorSpace = SPACE) -> list[tuple[bytes, bytes]]:
    values = np.random.default_rng().normal(size=(n_vectors, space.dimension)).astype("<f4")
    return [(os.urandom(32), row.tobytes()) for row in values]


def test_a_writer_killed_in_the_middle_of_puts_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    acknowledged: list[int] = []
    pauses = np.random.default_rng(0).uniform(0, 0.25, 8)
    for pause in pauses:
        command = [sys.executable, "-c", WRITER, f"file://{folder}", str(len(acknowledged) + 1000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            acknowledged.append(int(writer.stdout.readline()))
            time.sleep(pause)
            writer.send_signal(signal.SIGKILL)
            lines = writer.stdout.read().split("\n")[:-1]
            acknowledged += [int(line) for line in lines]
        keys = [number.to_bytes(32, "big") for number in acknowledged]
        expected = [np.full(256, number, "<f4").tobytes() for number in acknowledged]
        assert open_at(folder).get(SPACE, keys) == list(zip(keys, expected, strict=True))
    assert len(set(acknowledged)) > 2 * len(pauses)
    SpaceCompaction(open_folder(f"file://{folder}", 5), SPACE).compact(0, all_at_once=True)
    assert open_at(folder).find_missing(SPACE, keys) == []


def test_the_program_merges_what_is_there_when_it_is_asked_to(tmp_path: Path) -> None:
    folder, vectors = tmp_path / "vectors", make_vectors(5)
    with closing(open_at(folder)) as cache:
        for vector in vectors:
            cache.put(SPACE, [vector])
    for shard in folder.glob("*/*"):
        os.utime(shard, (0, 0))
    SpaceCompaction(open_folder(f"file://{folder}", 5), SPACE).compact(1e9, all_at_once=True)
    for shard in folder.glob("*/merged-*"):
        os.utime(shard, (0, 0))  # an hour ago, say: they are deleted at once
    (folder / "lost+found").mkdir()
    command = [sys.executable, "-m", "octcluster_clusterer", "--compact-store", "--store", "parquet"]
    for url, code, told in (
        (f"file://{folder}", 0, "256 values of float32: 6 files, now 1"),
        (f"file://{tmp_path}/not/there", 1, "its folder is not there"),
    ):
        done = subprocess.run([*command, "--store-url", url], capture_output=True, text=True, timeout=120)
        assert done.returncode == code
        assert told in done.stdout + done.stderr
    assert open_at(folder).get(SPACE, [key for key, _ in vectors]) == vectors


def test_leavings_of_a_killed_writer_are_deleted_a_day_later(tmp_path: Path) -> None:
    open_at(tmp_path / "vectors").put(SPACE, make_vectors(1))
    (folder,) = (tmp_path / "vectors").iterdir()
    old, new = folder / ".old.part", folder / ".new.part"
    for file in (old, new):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    SpaceCompaction(open_folder(f"file://{tmp_path}/vectors", 5), SPACE).compact(0)
    assert new.exists()
    assert not old.exists()


def test_what_is_deleted_during_a_listing_hides_nothing_else(tmp_path: Path) -> None:
    open_at(tmp_path / "vectors").put(SPACE, make_vectors(1))
    (space_folder,) = (tmp_path / "vectors").iterdir()
    kept = {f"put-{number}.parquet" for number in range(100)}
    for name in kept:
        (space_folder / name).touch()
    ended = threading.Event()

    def come_and_go() -> None:
        while not ended.is_set():
            for number in range(20):
                (space_folder / f"put-x{number}.parquet").touch()
            for number in range(20):
                (space_folder / f"put-x{number}.parquet").unlink()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    folder = open_folder(f"file://{tmp_path}/vectors", 5)
    try:
        for _ in range(100):
            assert kept <= folder.list_files(space_folder.name).keys()
    finally:
        ended.set()
        thread.join()


def test_a_full_disk_is_told_leaves_no_half_shard_and_passes(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2048) as disk:
        folder, cache = disk / "vectors", open_at(disk / "vectors")
        kept, wide = make_vectors(100), make_vectors(400)
        cache.put(SPACE, kept)
        filler = fill_disk(disk, leave_kibibytes=64)
        for _ in range(3):
            with pytest.raises(StoreRefused, match="its disk is full: free space there"):
                cache.put(SPACE, wide)
        (space_folder,) = folder.iterdir()
        assert len(list(space_folder.iterdir())) == 1, "what could not be written is not left"
        assert cache.get(SPACE, [key for key, _ in kept]) == kept, "it can still be read"
        assert len(cache.find_missing(SPACE, [key for key, _ in wide])) == 400
        filler.unlink()
        assert cache.put(SPACE, wide) == []
        with closing(cache), closing(open_at(folder)) as another:
            assert another.get(SPACE, [key for key, _ in wide]) == wide


def test_a_full_disk_ends_no_merge_badly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with small_disk(tmp_path / "disk", 2048) as disk:
        cache = open_at(disk / "vectors")
        vectors = make_vectors(800)
        for start in range(0, 800, 160):
            cache.put(SPACE, vectors[start : start + 160])
        fill_disk(disk)
        compaction = SpaceCompaction(open_folder(f"file://{disk}/vectors", 5), SPACE)
        cache.close()
        with pytest.raises(OSError, match="No space"):
            compaction.compact(0, all_at_once=True)
        with closing(open_at(disk / "vectors")) as another:
            assert another.get(SPACE, [key for key, _ in vectors]) == vectors


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that all users reach, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="oct-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_missing_rights_and_folders_are_told_with_the_cure_and_without_a_path(
    shared_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for parent, words in (
        (shared_folder / "Doe^Jane" / "more", "its folder is not there"),
        (shared_folder / "file", "its folder is not there"),
        (shared_folder, "rights to the folder of --store-url"),
    ):
        (shared_folder / "file").write_text("")
        cache = open_at(parent / "vectors")
        with as_another_user():
            for call in (
                cache.ping,
                lambda cache=cache: cache.put(SPACE, make_vectors(1)),
                lambda cache=cache: cache.find_missing(SPACE, [b"k" * 32]),
            ):
                with pytest.raises(StoreRefused, match=words) as caught:
                    call()
                assert str(shared_folder) not in str(caught.value)
                assert "Doe" not in str(caught.value)
    assert "Doe" not in caplog.text
    assert str(shared_folder) not in caplog.text


def test_shards_that_are_listed_and_never_there_hide_no_others_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = make_vectors(3)
    open_at(tmp_path / "vectors").put(SPACE, vectors)
    keys, listed = [vectors[0][0]], LocalFolder.list_files
    cache = open_at(tmp_path / "vectors")
    with monkeypatch.context() as changed:
        changed.setattr(LocalFolder, "list_files", lambda *of: {**listed(*of), "put-gone.parquet": 1})
        for call in (lambda: cache.find_missing(SPACE, keys), lambda: cache.get(SPACE, keys)):
            with pytest.raises(StoreUnavailable, match="change too quickly"):
                call()
    assert cache.get(SPACE, keys) == vectors[:1]


def test_a_folder_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    (tmp_path / "mount").mkdir()
    cache = open_at(tmp_path / "mount/vectors")
    vectors = make_vectors(3)
    keys = [key for key, _ in vectors]
    cache.put(SPACE, vectors)
    (tmp_path / "mount").rename(tmp_path / "gone")
    for call in (cache.ping, lambda: cache.find_missing(SPACE, keys), lambda: cache.put(SPACE, vectors)):
        with pytest.raises(StoreUnavailable, match="its folder is not there"):
            call()
    (tmp_path / "gone").rename(tmp_path / "mount")
    cache.ping()
    assert cache.get(SPACE, keys) == vectors
