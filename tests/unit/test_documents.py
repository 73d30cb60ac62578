"""What the documents name is there: links, files, options, commands."""

import csv
import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from machine import REPOSITORY
from octcluster.cli.parser import build_parser
from octcluster.outputs.run.assignments import format_assignments
from octcluster.outputs.run.record import format_run_record
from octcluster.outputs.run.scores import format_scores
from octcluster_clusterer.dask_settings import SchedulerSettings, WorkerSettings
from octcluster_clusterer.settings import Settings as ClustererSettings
from octcluster_embedder.settings import Settings as EmbedderSettings
from octcluster_gateway import command_settings
from octcluster_gateway.settings import ServeSettings
from outcomes import add_trust, make_outcome

DOCUMENTS = sorted(
    [
        *REPOSITORY.glob("*.md"),
        *REPOSITORY.glob("*/README.md"),
        *REPOSITORY.glob("deploy/*/README.md"),
        *REPOSITORY.glob("docs/**/*.md"),
    ],
    key=str,
)
MANUALS = [document for document in DOCUMENTS if document.parent in (REPOSITORY, REPOSITORY / "docs")]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r'(?:\]\(|src=")([^)#"\s]+)')
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
_FILE = re.compile(r"[\w./-]+\.(?:js|jinja|md|proto|py|yml)")
# Options of other programs that the documents call.
_FOREIGN_OPTIONS = {
    "docker": {
        "--entrypoint",
        "--force",
        "--no-deps",
        "--profile",
        "--rm",
        "--scale",
        "--stop",
        "--volumes",
        "--wait",
    },
    "embedding-atlas": {"--text", "--vector", "--x", "--y"},
    "systemctl": {"--now"},
    "useradd": {"--home-dir", "--no-create-home", "--system"},
    "pip": {"--find-links", "--no-index"},
    "scripts/build": {"--images"},
    "scripts/certificates": {"--names"},
    "scripts/limits": {"--processors"},
    "scripts/offline": {"--images"},
    "scripts/sbom": {"--image", "--set"},
    "scripts/test": {"--cpu", "--durations", "--fast"},
}
_MOST_LINES_BEFORE_REFERENCES = 90


def named(document: Path) -> str:
    return str(document.relative_to(REPOSITORY))


def blocks(document: Path, *languages: str) -> Iterator[str]:
    for language, text in _BLOCK.findall(document.read_text()):
        if language in languages:
            yield text


def spans(document: Path) -> list[str]:
    return _SPAN.findall(_BLOCK.sub("", document.read_text()))


@cache
def options_of_programs() -> frozenset[str]:
    """All options of the command, whatever the command, and of both servers."""
    found = {"--help"}
    parsers = [build_parser()]
    while parsers:
        for action in parsers.pop()._actions:
            found |= set(action.option_strings)
            if isinstance(action.choices, dict):
                parsers += action.choices.values()
    commands = [one for name, one in vars(command_settings).items() if name.endswith("Settings")]
    gateway = (ServeSettings, *commands)
    for settings in (ClustererSettings, EmbedderSettings, SchedulerSettings, WorkerSettings, *gateway):
        found |= {f"--{name.replace('_', '-')}" for name in settings.model_fields}
    return frozenset(found)


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document: Path) -> None:
    links = [link for link in _LINK.findall(document.read_text()) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_files_are_there(document: Path) -> None:
    found = {name for span in spans(document) for name in span.split() if _FILE.fullmatch(name)}
    assert {name for name in found if not any(file.endswith(f"/{name}") for file in source_files())} == set()


@cache
def source_files() -> list[str]:
    """The files of the repository, without those of `.venv` and `.git`."""
    files = [entry for entry in REPOSITORY.iterdir() if entry.is_file()]
    for folder in REPOSITORY.iterdir():
        if folder.is_dir() and not folder.name.startswith("."):
            files += [file for file in folder.rglob("*.*") if file.is_file()]
    return [f"/{file.relative_to(REPOSITORY)}" for file in files]


@pytest.mark.parametrize("document", MANUALS, ids=named)
def test_options_are_known(document: Path) -> None:
    known = options_of_programs().union(*_FOREIGN_OPTIONS.values())
    texts = [*spans(document), *blocks(document, "sh", "")]
    assert {option for text in texts for option in _OPTION.findall(text)} - known == set()


@pytest.mark.parametrize("document", MANUALS, ids=named)
def test_command_lines_are_understood(document: Path) -> None:
    for block in blocks(document, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["octcluster"]:
                build_parser().parse_args(words[1:])


@pytest.mark.parametrize("document", MANUALS, ids=named)
def test_python_is_python(document: Path) -> None:
    for block in blocks(document, "python"):
        compile(block, named(document), "exec")


def test_readme_is_short() -> None:
    before, heading, _ = (REPOSITORY / "README.md").read_text().partition("\n## Know it\n")
    assert heading
    assert before.count("\n") <= _MOST_LINES_BEFORE_REFERENCES


def test_every_key_and_column_of_a_run_is_described() -> None:
    outcome = add_trust(make_outcome())
    record = json.loads(format_run_record(outcome, {}, datetime(2026, 1, 2, tzinfo=UTC)))
    scores = json.loads(format_scores(outcome))
    columns = next(csv.reader(b"".join(format_assignments(outcome)).decode().splitlines()))
    names = {*record, *scores, *scores["results"][0], *columns}
    described = (REPOSITORY / "docs" / "files.md").read_text()
    beside = ("_interval", "_reason")  # described once for all scores
    assert {name for name in names if f"`{name}`" not in described and not name.endswith(beside)} == set()
