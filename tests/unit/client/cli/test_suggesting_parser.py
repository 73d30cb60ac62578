import pytest
from octcluster.cli.main import main
from octcluster.model.suggest import suggest


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["rum", "x"], "run"),
        (["run", "x", "--out", "y", "--modle", "z"], "--model"),
        (["run", "x", "--otu", "y"], "--out"),
        (["run", "x", "--ouput=y"], "--out"),
        (["run", "x", "--output", "y"], "--out"),
        (["describe", "x", "--out", "y", "--header-only"], "--headers-only"),
        (["run", "x", "--out", "y", "--algorithm", "kmean"], "kmeans"),
        (["run", "x", "--out", "y", "--features", "poled"], "pooled"),
    ],
)
def test_mistyped_word_brings_the_one_that_was_meant(
    words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert f"did you mean {meant}?" in capsys.readouterr().err


def test_mistyped_model_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "x", "--out", "y", "--model", "vgg6"]) == 2
    assert "did you mean vgg16?" in capsys.readouterr().err


def test_nothing_like_it_brings_nothing() -> None:
    assert suggest("zebra", ["run", "assign"]) == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "describe" in script
    assert "headers-only" in script
