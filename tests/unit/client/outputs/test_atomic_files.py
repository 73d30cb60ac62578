"""A job's files are there together or not at all, and its user's alone."""

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from octcluster.outputs.atomic_files import replacing_files


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def leave(folder: Path, **files: bytes | None) -> None:
    with replacing_files(folder, "run.json") as write:
        for name, content in files.items():
            write(name.replace("_", "."), content)


@contextmanager
def small_disk() -> Iterator[None]:
    """No file can grow beyond 1000 bytes, as on a disk that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_new_files_replace_the_old_ones_and_what_there_is_none_of_goes(tmp_path: Path) -> None:
    leave(tmp_path, scores_json=b"old", failures_csv=b"old", run_json=b"old")
    (tmp_path / "notes.txt").write_bytes(b"the user's own")
    leave(tmp_path, scores_json=b"new", failures_csv=None, run_json=b"new")
    assert contents(tmp_path) == {
        "scores.json": b"new",
        "run.json": b"new",
        "notes.txt": b"the user's own",
    }


def test_a_full_disk_leaves_all_as_it_was_and_the_error_names_the_file(tmp_path: Path) -> None:
    leave(tmp_path, scores_json=b"old", run_json=b"old")
    before = contents(tmp_path)
    with small_disk(), pytest.raises(OSError, match="File too large") as error:
        leave(tmp_path, scores_json=b"new", report_html=bytes(2000), run_json=b"new")
    assert error.value.filename == str(tmp_path / "report.html")
    assert contents(tmp_path) == before


def test_a_fault_before_the_end_leaves_all_as_it_was(tmp_path: Path) -> None:
    leave(tmp_path, scores_json=b"old", run_json=b"old")
    before = contents(tmp_path)
    with pytest.raises(TypeError):
        leave(tmp_path, scores_json=b"new", run_json="text is no bytes")  # type: ignore[arg-type]
    assert contents(tmp_path) == before


def test_a_swap_that_breaks_off_leaves_no_record(tmp_path: Path) -> None:
    leave(tmp_path, scores_json=b"old", run_json=b"old")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError, match=r"report\.html") as error:
        leave(tmp_path, scores_json=b"new", report_html=b"new", run_json=b"new")
    assert error.value.filename == str(tmp_path / "report.html")
    assert not (tmp_path / "run.json").exists(), "the folder must not pass for one result"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "scores.json"]


def test_only_the_user_can_read_them(tmp_path: Path) -> None:
    leave(tmp_path, scores_json=b"new", run_json=b"new")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_what_a_killed_job_left_goes_with_the_next_one_in_that_folder(tmp_path: Path) -> None:
    leave(tmp_path, scores_json=b"old", run_json=b"old")
    before = contents(tmp_path)
    program = (
        "import os, pathlib, signal, sys; from octcluster.outputs.atomic_files import replacing_files\n"
        "with replacing_files(pathlib.Path(sys.argv[1]), 'run.json') as write:\n"
        "    write('scores.json', b'half done')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)])
    assert killed.returncode == -signal.SIGKILL
    assert len(contents(tmp_path)) == 3
    assert contents(tmp_path).items() > before.items()
    leave(tmp_path, scores_json=b"new", run_json=b"new")
    assert contents(tmp_path) == {"scores.json": b"new", "run.json": b"new"}


def test_what_another_job_is_writing_stays(tmp_path: Path) -> None:
    with replacing_files(tmp_path, "run.json") as write:
        write("scores.json", b"the slow job's")
        leave(tmp_path, scores_json=b"the quick job's", run_json=b"the quick job's")
        write("run.json", b"the slow job's")
    assert contents(tmp_path) == {"scores.json": b"the slow job's", "run.json": b"the slow job's"}
