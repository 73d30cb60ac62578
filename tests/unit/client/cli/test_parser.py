"""From arguments to a typed command, and the help."""

from pathlib import Path
from typing import Any

import pytest
from known import known
from octcluster.cli.arguments.run import RunCommand
from octcluster.cli.arguments.study import StudyCommand
from octcluster.cli.parser import build_parser, parse_command
from octcluster.model.runs import ALGORITHMS, MODELS


def parse(*arguments: str) -> RunCommand:
    command = parse_command(["run", "images", "--out", "out", *arguments])
    assert isinstance(command, RunCommand)
    return command


def test_the_defaults_are_those_of_the_contract() -> None:
    found = parse()
    assert found.model == "efficientnet-lite0"
    assert found.k == (4, 4)
    assert found.stability is None
    assert found.seed == 0
    assert found.labels == "auto"
    assert found.scans == "all"
    assert found.strict is found.quiet is False


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["-k", "7"], "k", (7, 7)),
        (["-k", "2:10"], "k", (2, 10)),
        (["--pca", "0.95"], "pca", 0.95),
        (["--pca", "1.0"], "pca", 1.0),
        (["--pca", "64"], "pca", 64),
        (["--pca", "1"], "pca", 1),
        (["--no-pca"], "no_pca", True),
        (["--algorithm", "kmeans,hdbscan,kmeans"], "algorithm", ("kmeans", "hdbscan")),
        (["--stability", "0"], "stability", 0),
        (["--scans", "middle"], "scans", "middle"),
        (["--scans", "5"], "scans", 5),
        (["--seed", str(2**32 - 1)], "seed", 2**32 - 1),
        (["--model", "a-model-of-the-server"], "model", "a-model-of-the-server"),
        (["--weights-sha256", "AB" * 32], "weights_sha256", "ab" * 32),
    ],
)
def test_arguments_are_read(arguments: list[str], name: str, value: object) -> None:
    found = getattr(parse(*arguments), name)
    assert (found, type(found)) == (value, type(value))


def test_only_what_a_command_takes_is_in_it() -> None:
    command = parse_command(["study", "images", "--out", "out"])
    assert isinstance(command, StudyCommand)
    assert (command.images, command.out, command.weights) == (Path("images"), Path("out"), None)
    assert not hasattr(command, "k")


def test_the_record_of_a_command_is_its_arguments_as_json_values() -> None:
    record = parse("-k", "2:5", "--cache-dir", "cache", "--weights", "w.h5").record()
    assert (record["command"], record["images"], record["k"]) == ("run", "images", (2, 5))
    assert (record["cache_dir"], record["weights"]) == (
        str(Path("cache").absolute()),
        str(Path("w.h5").absolute()),
    )
    assert parse("--clusterer", "box:1").record()["cache_dir"] is None


def test_help_teaches_with_every_option_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_command(["run", "--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for part in ("assignments.csv", "scores.json", "report.html", "run.json", "failures.csv", "examples:"):
        assert part in text
    for name in (*ALGORITHMS, MODELS[0], *MODELS[-3:], "exit codes: 0 done", "For research use only"):
        assert name in text
    commands: Any = known(build_parser()._subparsers)._group_actions[0].choices
    for action in commands["run"]._actions:
        assert action.help
