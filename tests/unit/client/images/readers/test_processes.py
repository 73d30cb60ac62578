"""Reading source files in processes: what one file does to its reader costs that file alone."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import psutil
import pytest
import scan_uses
from octcluster.images.headers import UnreadableImage
from octcluster.images.keys import image_key
from octcluster.images.readers import processes
from octcluster.images.readers.encoding import encode
from octcluster.images.readers.processes import kept_workers, look_into, read_scans
from octcluster.images.readers.reader import Pixels
from PIL import Image
from tiff_files import TiffPage, write_tiff

pytestmark = pytest.mark.heavy

SIZE = (20, 30)
BRIGHT, DARK = np.full(SIZE, 7, np.uint8), np.zeros(SIZE, np.uint8)


def write(path: Path, arrays: Sequence[np.ndarray]) -> Path:
    path.write_bytes(write_tiff([TiffPage(SIZE[1], SIZE[0], array.tobytes()) for array in arrays]))
    return path


def read(
    files: Sequence[Path], numbers: Sequence[int], use: Callable[[bytes], object]
) -> dict[tuple[str, int], object]:
    found = list(read_scans([(file, numbers) for file in files], use))
    answers = {(path.name, number): answer for path, number, answer in found}
    assert len(answers) == len(found)
    return answers


@pytest.fixture
def two_files(tmp_path: Path) -> tuple[Path, Path]:
    """One file with a black scan among others, and one without."""
    return write(tmp_path / "bad.tif", [BRIGHT, DARK, BRIGHT]), write(tmp_path / "good.tif", [BRIGHT] * 3)


def test_scans_are_those_of_the_file_in_a_plain_encoding(tmp_path: Path) -> None:
    source = np.random.default_rng(0)
    arrays = [source.integers(0, 255, SIZE, np.uint8) for _ in range(40)]
    path = write(tmp_path / "a.tif", arrays)
    found = read([path], range(1, 41), bytes)
    assert len(found) == 40
    for (_, number), encoded in found.items():
        assert isinstance(encoded, bytes)
        with Image.open(BytesIO(encoded)) as image:
            np.testing.assert_array_equal(np.asarray(image), arrays[number - 1])
    keys = read([path], [3], partial(image_key, secret=b"s"))
    assert keys == {("a.tif", 3): image_key(encode(Pixels(arrays[2].tobytes(), *SIZE, 8)), b"s")}


def test_looking_tells_what_files_hold_or_why_not(tmp_path: Path, two_files: tuple[Path, Path]) -> None:
    cut = tmp_path / "cut.tif"
    cut.write_bytes(two_files[0].read_bytes()[:-60])
    gone = tmp_path / "gone.tif"
    found = dict(look_into([*two_files, cut, gone]))
    assert [len(found[position].scans) for position in (0, 1)] == [3, 3]  # type: ignore[union-attr]
    assert "damaged" in str(found[2])
    assert "No such file" in str(found[3])


@pytest.mark.parametrize(
    ("use", "reason"),
    [
        (scan_uses.crash_at_dark_scans, "its reader crashed, .*copy or export it again"),
        (scan_uses.hang_at_dark_scans, "its reader took more than"),
        (scan_uses.fail_at_dark_scans, r"damaged, or of a kind .*\(ZeroDivisionError\): export it again"),
        (scan_uses.take_memory_at_dark_scans, "needs more than 500 MB of memory"),
        (scan_uses.need_a_library_at_dark_scans, r"no_such_library.*pip install 'octcluster\[cli\]'"),
    ],
    ids=["crash", "hang", "error", "memory", "library"],
)
def test_mishap_costs_its_scan_alone(
    two_files: tuple[Path, Path],
    use: Callable[[bytes], int],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "SECONDS_A_STEP", 3.0)
    found = read(two_files, [1, 2, 3], use)
    failed = found.pop(("bad.tif", 2))
    assert isinstance(failed, UnreadableImage)
    assert "secret-name" not in str(failed)
    with pytest.raises(UnreadableImage, match=reason):
        raise failed
    assert len(found) == 5
    assert all(isinstance(answer, int) for answer in found.values())


def test_file_that_goes_on_crashing_is_given_up(tmp_path: Path) -> None:
    files = [write(tmp_path / "bad.tif", [DARK] * 30), write(tmp_path / "good.tif", [BRIGHT] * 30)]
    found = read(files, range(1, 31), scan_uses.crash_at_dark_scans)
    assert sum(isinstance(answer, UnreadableImage) for answer in found.values()) == 30
    assert all(isinstance(found["good.tif", number], int) for number in range(1, 31))


def test_kept_workers_serve_the_next_call_and_end_with_the_block(two_files: tuple[Path, Path]) -> None:
    before = children()
    with kept_workers():
        read(two_files, [1], scan_uses.measure)
        kept = children() - before
        assert kept
        read(two_files, [1, 3], scan_uses.measure)
        assert children() - before == kept
    assert not children() - before


def test_worker_that_ended_while_it_was_idle_costs_nothing(two_files: tuple[Path, Path]) -> None:
    with kept_workers():
        read(two_files, [1], scan_uses.measure)
        for child in psutil.Process().children():
            child.kill()
            child.wait()
        assert all(isinstance(answer, int) for answer in read(two_files, [1, 3], scan_uses.measure).values())


def test_where_no_process_can_be_started_each_file_says_so(
    two_files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    answers = [*read(two_files, [1, 3], scan_uses.measure).values(), *dict(look_into(two_files)).values()]
    assert len(answers) == 6
    assert {str(answer) for answer in answers} == {
        "no process could be started to read it: free some memory and run again"
    }


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_processes_end_with_the_work_also_where_it_is_left_early(two_files: tuple[Path, Path]) -> None:
    before = children()
    answers: Iterator[object] = read_scans([(file, (1, 2, 3)) for file in two_files], scan_uses.measure)
    next(answers)
    assert children() - before
    answers.close()  # type: ignore[attr-defined]
    assert not children() - before


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_process_ends_soon_after_its_program(
    end: signal.Signals, two_files: tuple[Path, Path], tmp_path: Path
) -> None:
    note = tmp_path / "process"
    program = (
        "from pathlib import Path; import scan_uses; "
        "from octcluster.images.readers.processes import read_scans; "
        f"list(read_scans([(Path({str(two_files[0])!r}), [1])], scan_uses.take_note_and_hang))"
    )
    environment = {
        **os.environ,
        "OCTCLUSTER_TEST_NOTE": str(note),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as parent:
        while not (note.exists() and note.read_text()):
            assert parent.poll() is None
            time.sleep(0.05)
        parent.send_signal(end)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(note.read_text())).wait(timeout=60)
