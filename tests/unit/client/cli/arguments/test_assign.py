"""Where octcluster assign finds what the run left."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from octcluster.cli.arguments.assign import AssignCommand, recorded_addresses_named
from octcluster.cli.main import main
from octcluster.cli.parser import parse_command
from octcluster.images.phantoms import write_phantoms
from octcluster.model.errors import ServerUnavailable
from octcluster.outputs.run.files import write_run_files
from octcluster.workflows import services
from octcluster.workflows.finished_runs import FinishedRun, find_run
from octcluster.workflows.outcome import RunOutcome
from outcomes import fit, make_outcome


def test_services_are_those_of_the_run_unless_others_are_named() -> None:
    record = {
        "clusterer": None,
        "cache_dir": "/cache",
        "embedder": "box:1",
        "model": "vgg16",
        "weights": None,
    }
    run = FinishedRun("0f" * 16, arguments=record)

    def take(*arguments: str) -> dict[str, object]:
        command = parse_command(["assign", "result", "images", "--out", "new", *arguments])
        assert isinstance(command, AssignCommand)
        found = command.at_services_of(run)
        return {name: getattr(found, name) for name in ("clusterer", "cache_dir", "embedder", "model")}

    own = {"clusterer": None, "cache_dir": Path("/cache"), "embedder": "box:1", "model": "vgg16"}
    assert take() == own
    assert take("--clusterer", "b:2") == {**own, "clusterer": "b:2", "cache_dir": None}
    assert take("--cache-dir", "c") == {**own, "cache_dir": Path("c")}
    assert take("--model", "resnet50") == {**own, "embedder": None, "model": "resnet50"}


@pytest.mark.parametrize(
    ("outcome", "cure"),
    [
        (fit(make_outcome()), "its model.npz does without the run's clusterer: name any other"),
        (make_outcome(), "the run has no model.npz and is on that clusterer alone: start that again"),
    ],
)
def test_a_recorded_server_that_is_gone_is_told_with_the_cure(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: RunOutcome,
    cure: str,
) -> None:
    monkeypatch.setattr(services, "_CONNECT_SECONDS", 0.2)
    write_phantoms(tmp_path / "images", 1, 0)
    result = tmp_path / "result"
    result.mkdir()
    gone = f"unix:{tmp_path}/gone.sock"
    arguments = ["assign", str(result), str(tmp_path / "images"), "--out", str(tmp_path / "new")]

    write_run_files(
        outcome, result, {"embedder": gone, "clusterer": gone, "model": "vgg16"}, datetime.now(UTC)
    )
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert f"no answer from the embedder at {gone}" in told
    assert "is the one in the run's run.json" in told
    assert "give --model vgg16 to start one here" in told
    assert main([*arguments, "--embedder", gone]) == 1
    assert "run.json" not in capsys.readouterr().err
    given = parse_command(arguments)
    assert isinstance(given, AssignCommand)
    run = find_run(str(result))
    gone_clusterer = ServerUnavailable(f"no answer from the clusterer at {gone}")
    named = recorded_addresses_named(given, given.at_services_of(run), run)
    with pytest.raises(ServerUnavailable, match=cure), named:
        raise gone_clusterer
