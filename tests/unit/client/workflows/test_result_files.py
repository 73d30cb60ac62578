"""A folder that holds files of two runs is refused by all that follow a run."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import octcluster
import pytest
from octcluster.cli.main import main
from octcluster.images.eyes import gather_eyes
from octcluster.images.pixel_faults import FAULTS, FoundFault
from octcluster.model.errors import InvalidArguments
from octcluster.outputs.run.files import write_run_files
from octcluster.workflows.finished_runs import find_run
from octcluster.workflows.outcome import EyeClusters, PixelReport, RunOutcome
from outcomes import add_trust, fit, make_outcome

STARTED = datetime(2026, 5, 4, tzinfo=UTC)
TABLES = ["assignments.csv", "eyes.csv", "duplicates.csv", "failures.csv", "warnings.csv"]
OTHERS = ["run.json", "scores.json", "report.html", "assignments.parquet", "model.npz"]
OTHER_ID = "ab" * 16


def make_whole() -> RunOutcome:
    """An outcome that leaves every kind of file."""
    outcome = fit(add_trust(make_outcome(failed=1)))
    members = [replace(scan, patient=f"p{row:02}") for row, scan in enumerate(outcome.members)]
    eyes = EyeClusters(gather_eyes(members), outcome.assignments.clusters)
    pixels = PixelReport([(members[0], FoundFault(FAULTS[-1], "hardly any contrast"))])
    return replace(outcome, members=members, eyes=eyes, pixels=pixels)


def leave(outcome: RunOutcome, folder: Path) -> Path:
    folder.mkdir()
    write_run_files(outcome, folder, {"model": None}, STARTED)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outcome = make_whole()
    other = replace(outcome, spec=replace(outcome.spec, seed=8, run_id=OTHER_ID))
    return leave(other, tmp_path_factory.mktemp("runs") / "other")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return leave(make_whole(), tmp_path_factory.mktemp("runs") / "first")


@pytest.fixture
def result(first: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(first, tmp_path / "result"))


def test_the_files_of_one_run_are_a_result(result: Path) -> None:
    assert sorted(path.name for path in result.iterdir()) == sorted(TABLES + OTHERS)
    assert find_run(str(result)).folder == result


@pytest.mark.parametrize("name", TABLES + OTHERS)
def test_a_file_of_another_run_is_refused_by_all_that_follow_a_run(
    result: Path, other: Path, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = make_whole().result_id[:12], find_run(str(other)).model.result_id[:12]  # type: ignore[union-attr]
    shutil.copy(other / name, result / name)
    assert main(["assign", str(result), str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert f"{result} holds files of 2 runs: " in told
    assert f"; {name} of the result {ids[1]}" in told or f": {name} of the result {ids[1]}; " in told
    assert f"of the result {ids[0]}" in told
    assert "into a new folder" in told
    assert not (tmp_path / "out").exists()
    with pytest.raises(InvalidArguments, match="holds files of 2 runs"):
        octcluster.assign(result, tmp_path)


def test_equal_runs_leave_equal_tables_and_other_files_that_are_told_apart(
    result: Path, tmp_path: Path
) -> None:
    outcome = make_whole()
    twin = leave(replace(outcome, spec=replace(outcome.spec, run_id=OTHER_ID)), tmp_path / "twin")
    for name in TABLES:
        assert (result / name).read_bytes() == (twin / name).read_bytes()
    for name in OTHERS:
        mixed = shutil.copytree(result, tmp_path / name)
        shutil.copy(twin / name, mixed / name)
        with pytest.raises(InvalidArguments, match=rf"{name} of the run {OTHER_ID[:12]}"):
            find_run(str(mixed))


def add_row_of_another(table: str) -> str:
    last = table.splitlines()[-1]
    return f"{table}{last.rpartition(',')[0]},{OTHER_ID}\n"


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    "change",
    [
        lambda table: "".join(f"{line.rpartition(',')[0]}\n" for line in table.splitlines()),
        lambda table: table.splitlines()[0],
        lambda table: f"{table}one-cell\n",
        add_row_of_another,
        lambda _: "",
        lambda _: "result_id\n" + '"' * 200_001,
    ],
    ids=["no column", "no row", "a short row", "a row of another run", "empty", "no table"],
)
def test_a_table_that_does_not_name_one_run_is_refused(
    result: Path, name: str, change: Callable[[str], str]
) -> None:
    (result / name).write_text(change((result / name).read_text()))
    with pytest.raises(InvalidArguments, match=f"{name} does not say which one run it is of"):
        find_run(str(result))


@pytest.mark.parametrize("name", [name for name in OTHERS if name != "model.npz"])
@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe\x00", b"PAR1" + bytes(50) + b"PAR1"])
def test_a_file_that_names_no_run_is_refused(result: Path, name: str, content: bytes) -> None:
    (result / name).write_bytes(content)
    with pytest.raises(InvalidArguments, match=rf"{name} does not say which"):
        find_run(str(result))


def test_a_table_that_a_spreadsheet_program_saved_is_still_of_its_run(result: Path) -> None:
    text = (result / "assignments.csv").read_text()
    for content in (
        text.replace("\n", "\r\n").encode("utf-8-sig"),
        text.replace(",", ";").encode(),
        text.replace(",", "\t").encode("utf-16"),
        "".join(
            f"{line.rpartition(',')[2]},{line.rpartition(',')[0]}\n" for line in text.splitlines()
        ).encode(),
    ):
        (result / "assignments.csv").write_bytes(content)
        assert find_run(str(result)).folder == result


def test_what_is_no_file_of_a_result_has_no_say(result: Path) -> None:
    (result / "notes.csv").write_text("mine\n1\n")
    assert find_run(str(result)).folder == result


def test_a_folder_whose_record_was_lost_in_a_crash_is_followed_only_if_its_files_agree(
    result: Path, other: Path
) -> None:
    (result / "run.json").unlink()
    assert find_run(str(result)).run_id == make_whole().spec.run_id
    shutil.copy(other / "failures.csv", result)
    with pytest.raises(InvalidArguments, match=r"failures\.csv of the result"):
        find_run(str(result))


def test_files_that_are_gone_are_no_fault(result: Path) -> None:
    for name in [*TABLES, "scores.json", "report.html", "assignments.parquet"]:
        (result / name).unlink()
    assert find_run(str(result)).model is not None


def test_a_file_that_cannot_be_read_is_named(result: Path) -> None:
    (result / "scores.json").unlink()
    (result / "scores.json").symlink_to("/proc/self/mem")
    with pytest.raises(InvalidArguments, match=r"cannot read .*scores\.json"):
        find_run(str(result))
