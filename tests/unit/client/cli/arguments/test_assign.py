"""Where octcluster assign finds what the run left."""

from pathlib import Path

from octcluster.cli.arguments.assign import AssignCommand
from octcluster.cli.parser import parse_command
from octcluster.workflows.finished_runs import FinishedRun


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
