"""What an extra brings is what the project file says, and nothing of it is missing here."""

import tomllib

import pytest
from machine import REPOSITORY
from octcluster.workflows import extras
from octcluster.workflows.extras import find_missing


@pytest.mark.parametrize("extra", ["cli", "local"])
def test_an_extra_is_read_from_the_distribution(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_missing(extra) == []
    project = tomllib.loads((REPOSITORY / "client/pyproject.toml").read_text())["project"]
    monkeypatch.setattr(extras, "_is_installed", lambda _: False)
    asked_for = project["optional-dependencies"][extra]
    assert find_missing(extra) == sorted(one.split("=")[0].split(">")[0].split("[")[0] for one in asked_for)


def test_an_extra_that_there_is_not_brings_nothing() -> None:
    assert find_missing("gpu") == []
