"""The scripts for releases: they build, gather and list what octcluster consists of, and audit it."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from machine import REPOSITORY


def call(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [REPOSITORY / "scripts" / script, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("sbom", ["CycloneDX", "--set SET", "--image IMAGE", '"sbom" unless given']),
        ("audit", ["SET...", "Ends with 0 if each of them was looked up", "3 if not"]),
        ("pin-images", [">> .env", "ends with 3"]),
        ("build", ["--images-only", '"dist" unless given', "SHA256SUMS", "SOURCE_DATE_EPOCH"]),
        ("offline", ["[--images]", "--no-index"]),
    ],
)
def test_the_help_teaches(script: str, words: list[str]) -> None:
    done = call(script, "--help")
    assert done.returncode == 0
    for word in words:
        assert word in done.stdout
    assert "set -eu" not in done.stdout


@pytest.mark.parametrize(
    ("script", "arguments", "word"),
    [
        ("sbom", ["--picture"], "no option --picture"),
        ("sbom", ["--image"], "--image needs"),
        ("sbom", ["--set", "nothing"], "--set needs one of client,"),
        ("sbom", ["--set"], "--set needs one of client,"),
        ("sbom", ["one", "two"], "one FOLDER is enough"),
        ("audit", ["--fix"], "no option --fix"),
        ("audit", ["client", "nowhere"], "no requirements/nowhere.txt"),
        ("pin-images", ["now"], "takes no arguments"),
        ("build", ["--wheels"], "no option --wheels"),
        ("build", ["one", "two"], "one FOLDER is enough"),
        ("offline", ["--wheels"], "no option --wheels"),
        ("offline", ["wheels", "nothing"], "no set nothing"),
    ],
)
def test_a_mistake_is_named(script: str, arguments: list[str], word: str) -> None:
    done = call(script, *arguments)
    assert done.returncode == 2
    assert word in done.stderr
    assert done.stdout == ""


@pytest.mark.heavy
def test_the_list_of_the_client_has_what_its_pages_bundle(tmp_path: Path) -> None:
    assert call("sbom", "--set", "client", str(tmp_path)).returncode == 0
    listed = json.loads((tmp_path / "client.cdx.json").read_text())["components"]
    of_npm = {each["name"] for each in listed if each.get("purl", "").startswith("pkg:npm/")}
    needed = json.loads((REPOSITORY / "client/explorer-page/package.json").read_text())["dependencies"]
    assert of_npm >= {*needed, "plotly.js-cartesian-dist-min"}


@pytest.mark.heavy
def test_an_audit_calls_clean_only_what_it_looked_up() -> None:
    """With a database, without one, and with one that does not know a version."""
    done = call("audit", "uv")
    n_pinned = len(re.findall(r"^\S+==", (REPOSITORY / "requirements/uv.txt").read_text(), re.MULTILINE))
    all_known = f"uv: {n_pinned} of {n_pinned} packages looked up" in done.stdout
    vulnerable = ", corrected in " in done.stdout
    assert ("NOT AUDITED" in done.stdout) == (not all_known)
    assert done.returncode == (1 if vulnerable else 0 if all_known else 3), done.stdout + done.stderr
