"""The images of ``scripts/build --images-only``: they say what they are, and their lists what is in them."""

import json
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from machine import REPOSITORY

from .conftest import Stack

PROJECT = "octcluster-release"
FILES = ("docker-compose.yml", "tests/compose/override.yml", "tests/compose/override.release.yml")


@pytest.fixture(scope="module")
def release(built: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the script fills. Docker has the layers of the image already, if all is committed."""
    folder = tmp_path_factory.mktemp("release")
    environment = {
        **built.environment,
        "COMPOSE_FILE": ":".join(FILES),
        "COMPOSE_PROJECT_NAME": PROJECT,
        "SOURCE_DATE_EPOCH": "1700000000",
    }
    subprocess.run(
        [REPOSITORY / "scripts" / "build", "--images-only", folder], env=environment, check=True, timeout=1500
    )
    return folder


def test_an_image_says_what_it_is_and_of_which_commit(release: Path, built: Stack) -> None:
    image = f"{PROJECT}-embedder:{version('octcluster')}"
    labels = json.loads(built.docker("image", "inspect", "--format", "{{json .Config.Labels}}", image))
    told = {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()}
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=REPOSITORY, text=True).strip()
    assert told["title"] == "octcluster-embedder"
    assert told["description"]
    assert told["licenses"] == "Apache-2.0"
    assert told["version"] == version("octcluster-embedder")
    assert told["revision"] == commit
    assert told["created"] == "2023-11-14T22:13:20Z"


def test_the_list_of_an_image_names_what_is_pinned_and_the_system(release: Path) -> None:
    (file,) = (release / "sbom").iterdir()
    components = json.loads(file.read_text())["components"]
    found = {(one["name"].lower().replace("_", "-"), one["version"]) for one in components}
    requirements = (REPOSITORY / "requirements" / "embedder-cpu.txt").read_text()
    assert "\nopenvino==" in requirements
    openvino = requirements.partition("\nopenvino==")[2].split()[0]
    assert ("openvino", openvino) in found
    project = tomllib.loads((REPOSITORY / "embedder" / "pyproject.toml").read_text())["project"]
    assert ("octcluster-embedder", project["version"]) in found
    assert any(one.get("purl", "").startswith("pkg:deb/debian/libc6@") for one in components)


def test_nothing_but_images_is_made(release: Path) -> None:
    assert [path.name for path in release.iterdir()] == ["sbom"]
