"""One version, wherever it is written."""

import re
import tomllib
from itertools import chain

import pytest
from machine import REPOSITORY

PROJECTS = {
    file.parent.name: tomllib.loads(file.read_text())["project"]
    for file in REPOSITORY.glob("*/pyproject.toml")
}
VERSION = PROJECTS["client"]["version"]


def test_there_are_six_distributions() -> None:
    assert set(PROJECTS) == {"protos", "serving", "embedder", "clusterer", "client", "gateway"}


@pytest.mark.parametrize("distribution", sorted(PROJECTS))
def test_distributions_have_it_and_ask_each_other_for_it(distribution: str) -> None:
    project = PROJECTS[distribution]
    assert project["version"] == VERSION
    needs = list(chain(project["dependencies"], *project.get("optional-dependencies", {}).values()))
    ours = [need for need in needs if need.startswith("octcluster")]
    assert ours or distribution in {"protos", "serving"}
    assert [need for need in ours if not need.endswith(f"=={VERSION}")] == []


def test_the_changelog_begins_with_it() -> None:
    heading = re.search(
        r"^## (\S+) \((unreleased|\d{4}-\d\d-\d\d)\)$", (REPOSITORY / "CHANGELOG.md").read_text(), re.M
    )
    assert heading
    assert heading[1] == VERSION


def test_kubernetes_takes_the_images_of_it() -> None:
    files = [*REPOSITORY.glob("deploy/kubernetes/**/*.yaml"), REPOSITORY / "deploy/kubernetes/README.md"]
    tags = re.findall(
        r"octcluster-(?:embedder|clusterer|redis):(\S+)", "\n".join(file.read_text() for file in files)
    )
    assert len(tags) == 8
    assert set(tags) == {VERSION}
