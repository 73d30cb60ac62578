"""What the command line says to who mistypes, asks for help, or reads only the beginning."""

import subprocess
import sys
from pathlib import Path

import pytest
from octcluster_gateway.cli.main import COMMANDS, run_command
from octcluster_gateway.results.json_lines import FILE_NAME
from octcluster_gateway.spool.spool import Spool
from processes import free_port
from receivers import LIMITS


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    try:
        code: object = run_command(arguments)
    except SystemExit as end:
        code = end.code
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("stats", "there is no command 'stats'; did you mean status?"),
        ("qarantine list", "there is no command 'qarantine'; did you mean quarantine?"),
        ("quarantine lst", "there is no command 'quarantine lst'; did you mean quarantine list?"),
        (
            "status --spol x",
            "octcluster-gateway status: unrecognized arguments: --spol x; did you mean --spool?",
        ),
    ],
)
def test_what_was_meant_is_suggested(given: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, *given.split())
    assert (code, out, told in err) == (2, "", True), err


@pytest.mark.parametrize("group", ["audit", "quarantine", "results"])
def test_group_lists_its_commands(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, group, "--help")
    assert (code, err) == (0, "")
    listed = {line.strip().split("  ")[0] for line in out.splitlines() if line.startswith("  ")}
    assert listed == {" ".join(words) for words in COMMANDS if words[0] == group}
    assert call(capsys, group)[0] == 2


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_begins_with_usage_and_what_the_command_does(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(capsys, *words, "--help")
    assert code == 0
    usage, description = out.split("\n\n")[:2]
    assert usage.startswith(f"usage: octcluster-gateway {' '.join(words)} [-h]")
    assert not description.startswith("Settings of")
    assert description[0].isupper()


def test_descriptions_differ(capsys: pytest.CaptureFixture[str]) -> None:
    assert len({call(capsys, *words, "--help")[1].split("\n\n")[1] for words in COMMANDS}) == len(COMMANDS)


def test_table_without_results_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["results", "parquet", "--results", str(tmp_path), str(tmp_path / "table")]
    assert call(capsys, *command)[::2] == (
        2,
        f"octcluster-gateway: there are no results yet in {tmp_path}\n",
    )
    assert list(tmp_path.iterdir()) == []
    (tmp_path / FILE_NAME).touch()  # as a gateway leaves it that has started
    assert f"there are no results yet in {tmp_path}" in call(capsys, *command)[2]


def test_pull_once_promises_no_second_try(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Spool(tmp_path / "spool", LIMITS).close()
    url = f"http://127.0.0.1:{free_port()}/dicom-web"
    code, _, err = call(capsys, "pull", "--spool", str(tmp_path / "spool"), "--pull-url", url)
    assert (code, "does not answer as it should" in err, "asked again later" in err) == (1, True, False)


def test_closed_pipe_is_no_fault(tmp_path: Path) -> None:
    Spool(tmp_path / "spool", LIMITS).close()
    for arguments in (["status", "--spool", str(tmp_path / "spool")], ["--help"], ["status", "--help"]):
        with subprocess.Popen(
            [sys.executable, "-m", "octcluster_gateway", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == ""
