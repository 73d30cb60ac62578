"""A disk that is full: the earlier result stays whole and is followed, and the error names the file."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from known import known
from octcluster.cli.main import main
from octcluster.images.phantoms import write_phantoms
from octcluster.outputs.run.files import write_run_files
from octcluster.workflows.finished_runs import find_run
from outcomes import fit, make_outcome
from small_disk import fill_disk, small_disk

STARTED = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 20_000) as place:
        yield place


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.heavy
@pytest.mark.parametrize("left", [0, 64, 1440])
def test_a_run_that_cannot_be_written_leaves_the_run_before(disk: Path, left: int) -> None:
    out = disk / "out"
    out.mkdir()
    write_run_files(fit(make_outcome()), out, {"model": None}, STARTED)
    before, followed = contents(out), find_run(str(out))
    fill_disk(disk, left)
    newer = make_outcome(failed=2)
    newer = fit(replace(newer, spec=replace(newer.spec, seed=9, run_id="ab" * 16)))
    with pytest.raises(OSError, match="No space left on device") as error:
        write_run_files(newer, out, {"model": None}, STARTED)
    assert Path(error.value.filename).parent == out
    assert ".part" not in error.value.filename
    assert contents(out) == before
    assert find_run(str(out)) == followed
    assert known(followed.model).run_id == make_outcome().spec.run_id
    (disk / "filler").unlink()
    write_run_files(newer, out, {"model": None}, STARTED)
    assert find_run(str(out)).run_id == "ab" * 16


@pytest.mark.heavy
def test_a_command_ends_with_1_and_tells_path_and_cure(
    disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, out = tmp_path / "images", disk / "out"
    write_phantoms(images, 2, 0)
    assert main(["describe", str(images), "--out", str(out), "--headers-only"]) == 0
    before = contents(out)
    capsys.readouterr()
    write_phantoms(images, 3, 0)
    fill_disk(disk)
    assert main(["describe", str(images), "--out", str(out), "--headers-only", "--overwrite"]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"octcluster: No space left on device ({out}/")
    assert told.endswith("free space on that disk, or name another folder, and start again")
    assert contents(out) == before


def test_phantoms_on_a_full_disk_name_the_file(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill_disk(disk, 40)
    assert main(["phantoms", str(disk / "new"), "--images-per-class", "9"]) == 1
    assert f"No space left on device ({disk / 'new'}/CNV/CNV-1" in capsys.readouterr().err


@pytest.mark.heavy
def test_a_terminal_that_takes_nothing_is_told() -> None:
    program = "from octcluster.cli.main import main; raise SystemExit(main())"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", program, "completion", "bash"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert b"No space left on device (standard output or standard error)" in done.stderr
