"""The folder of a job's outputs: its user's alone, apart from the images, and one job's at a time."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from octcluster.model.errors import InvalidArguments
from octcluster.outputs.folder import check_place, prepare_folder, prepared_folder


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


@pytest.mark.parametrize("out", ["scans", "scans/.", "scans/result", "scans/CNV/deep/result", "link/result"])
def test_outputs_do_not_lie_among_the_images(tmp_path: Path, out: str) -> None:
    (tmp_path / "scans" / "CNV").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "scans")
    with pytest.raises(InvalidArguments, match="name a folder outside of it for the outputs"):
        check_place(tmp_path / out, tmp_path / "scans", "run")


@pytest.mark.parametrize("out", ["result", "scans-result", "scans/../result", "."])
def test_outputs_may_lie_beside_and_above_the_images(tmp_path: Path, out: str) -> None:
    (tmp_path / "scans").mkdir()
    check_place(tmp_path / out, tmp_path / "scans", "run")
    (tmp_path / "list.txt").write_text("scans/0.png")
    check_place(tmp_path / out, tmp_path / "list.txt", "run")


def test_one_job_at_a_time_writes_into_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with prepared_folder(out, "run"):
        refused = pytest.raises(InvalidArguments, match="another octcluster command writes into")
        with refused, prepared_folder(out, "run"):
            pytest.fail("two jobs at once")
        with prepared_folder(tmp_path / "other", "run"):
            pass
    assert list(out.iterdir()) == []
    with prepared_folder(out, "run"):
        pass


def test_what_a_killed_job_left_keeps_nobody_out(tmp_path: Path) -> None:
    (tmp_path / ".octcluster-lock").touch()
    with prepared_folder(tmp_path, "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_made_for_a_job_that_failed_is_removed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), prepared_folder(tmp_path / "made" / "out", "run"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_folders_of_the_whole_machine_or_user_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder, what in ((Path("/"), "the root of all files"), (tmp_path, "your home folder")):
        told = f"is {what}: give the outputs a folder of their own, for example --out {folder / 'result'}"
        with pytest.raises(InvalidArguments, match=told):
            check_place(folder, None, "run")
        with pytest.raises(InvalidArguments, match=told):
            prepare_folder(folder, "run")
    check_place(tmp_path / "result", None, "run")
