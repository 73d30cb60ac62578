"""The folder of a job's outputs is its user's alone, if it holds nothing else."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from octcluster.outputs.folder import prepare_folder, prepared_folder


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("usual_umask")
def test_all_folders_that_are_made_are_the_users_alone(tmp_path: Path) -> None:
    told: list[str] = []
    with prepared_folder(tmp_path / "made" / "deep" / "out", "run", told.append):
        pass
    made = [tmp_path / "made", tmp_path / "made" / "deep", tmp_path / "made" / "deep" / "out"]
    assert [mode(folder) for folder in made] == [0o700] * 3
    assert told == []


@pytest.mark.parametrize("before", [0o755, 0o750, 0o770, 0o701])
@pytest.mark.parametrize("earlier", [(), ("run.json", "scores.json")])
def test_an_empty_folder_and_an_earlier_result_are_taken_from_others(
    tmp_path: Path, before: int, earlier: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in earlier:
        (out / name).write_text("{}")
    out.chmod(before)
    told: list[str] = []
    prepare_folder(out, "run", told.append)
    assert mode(out) == 0o700
    assert told == [f"other users could look into {out}: it is yours alone now (mode 700)"]
    prepare_folder(out, "run", told.append)
    assert len(told) == 1


def test_a_folder_with_the_users_own_files_is_left(tmp_path: Path) -> None:
    out = tmp_path / "shared"
    out.mkdir()
    (out / "notes.txt").write_text("for all of us")
    out.chmod(0o755)
    told: list[str] = []
    prepare_folder(out, "run", told.append)
    assert (mode(out), told) == (0o755, [])


def test_python_is_told_by_a_warning(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o755)
    (tmp_path / "out").chmod(0o755)
    with pytest.warns(UserWarning, match="could look into"):
        prepare_folder(tmp_path / "out", "assign")
