"""``octcluster explore`` as a person has it: a real run, the command as a process, and what its page asks."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from explorers import WHO, Caller, running_explorer
from octcluster import ClustererClient, ImageSet, RunOptions, run_images
from octcluster.images.folder import find_images
from octcluster.images.phantoms import write_phantoms
from octcluster.model.progress import Silence
from octcluster.outputs.run.files import write_run_files
from octcluster.workflows.outcome import RunOutcome
from PIL import Image
from processes import Server
from waiting import wait_until

CLASSES = ("CNV", "DME", "DRUSEN", "NORMAL")
IMAGES_PER_CLASS = 6


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explored") / "scans"
    write_phantoms(folder, IMAGES_PER_CLASS, seed=0)
    return folder


@pytest.fixture(scope="module")
def outcome(scans: Path, pixel_embedder: Server, clusterer: Server) -> RunOutcome:
    """A real run on pixels."""
    options = RunOptions(
        embedder=pixel_embedder.address,
        clusterer=clusterer.address,
        model="pixels",
        min_clusters=4,
        max_clusters=4,
        umap=False,
        stability_resamples=0,
    )
    return run_images(find_images(scans), options, Silence())


@pytest.fixture(scope="module")
def left(
    outcome: RunOutcome, scans: Path, clusterer: Server, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder that the run left, which no test changes."""
    folder = tmp_path_factory.mktemp("left")
    arguments = {"images": str(scans), "clusterer": clusterer.address, "model": "pixels"}
    write_run_files(outcome, folder, arguments, datetime.now(UTC))
    return folder


@pytest.fixture
def result(left: Path, tmp_path: Path) -> Path:
    """The same for one test."""
    return Path(shutil.copytree(left, tmp_path / "result"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def shared_result(left: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the shared explorer works on."""
    return Path(shutil.copytree(left, tmp_path_factory.mktemp("shared") / "result"))


@pytest.fixture(scope="module")
def shared_explorer(shared_result: Path, pixel_embedder: Server, clusterer: Server) -> Iterator[Caller]:
    services = ("--embedder", pixel_embedder.address, "--clusterer", clusterer.address)
    cache = shared_result.parent / "cache"
    with running_explorer(shared_result, "--cache-dir", cache, *services) as caller:
        yield caller


@pytest.fixture
def explorer(shared_explorer: Caller) -> Caller:
    """An explorer with nothing done that is not undone."""
    while shared_explorer.state()["canUndo"]:
        shared_explorer.step("undo")
    return shared_explorer


def names_of(image_set: ImageSet) -> set[str]:
    """What must never leave this machine: names of files and folders, ids of patients."""
    names = {part for scan in image_set.images for part in (scan.name, Path(scan.name).name)}
    return names | {scan.patient for scan in image_set.images if scan.patient} | {str(image_set.root)}


def test_no_answer_names_a_file_or_a_patient(
    explorer: Caller, outcome: RunOutcome, shared_result: Path
) -> None:
    explorer.do(kind="name", group="c0", name="first")
    explorer.do(kind="label", rows=[0], label="CNV")
    version = explorer.state()["version"]
    paths = ["", "page.js", "page.css", "api/result", "api/columns", "api/state", "api/names", "api/nowhere"]
    paths += [f"api/membership?version={version}", "api/pictures/3?side=96", "api/pictures/3?side=full"]
    paths += ["api/pictures/99", "api/pictures/3?side=x", "api/exports/labels.csv", "api/exports/names.json"]
    paths += ["api/exports/coco.json"]
    answers = [explorer.ask(path) for path in paths]
    answers += [
        explorer.post("api/exports", {}),
        explorer.post("api/acts", {"who": WHO}),
        explorer.post("api/undo", []),
    ]
    told = b"".join(str(answer.headers).encode() + answer.body for answer in answers)
    for name in (*names_of(outcome.image_set), str(shared_result), shared_result.parent.name):
        assert name.encode() not in told, name
    assert explorer.ask("api/names").status == 404
    assert explorer.ask("api/exports/labels.csv").status == 403
    assert (shared_result / "exports/labels.csv").is_file()
    columns, values = explorer.columns()
    assert values["patient"][0] == "patient 1"
    assert [values["class"][code] for code in columns["class"]] == [scan.label for scan in outcome.members]


def test_names_are_sent_when_asked_for(result: Path, cache: Path, outcome: RunOutcome) -> None:
    with running_explorer(result, "--cache-dir", cache, "--identified") as explorer:
        assert explorer.ask("api/names").json == [scan.name for scan in outcome.members]
        assert explorer.columns()[1]["patient"] == sorted({scan.patient or "" for scan in outcome.members})
        explorer.do(kind="name", group="c0", name="first")
        answer = explorer.ask("api/exports/labels.csv")
        assert answer.headers["content-disposition"] == 'attachment; filename="labels.csv"'
        assert len(answer.body.splitlines()) == len(outcome.members) + 1
        assert explorer.process
        explorer.process.send_signal(signal.SIGINT)
        assert explorer.process.wait(30) == 0


def test_only_the_printed_address_is_answered(explorer: Caller) -> None:
    parts = urlsplit(explorer.address)
    assert parts.hostname == "127.0.0.1"
    root = f"http://{parts.netloc}"
    for address in (
        f"{root}/",
        f"{root}/api/result",
        f"{root}/wrong/api/result",
        explorer.address[:-2] + "/",
    ):
        answer = explorer.ask(address)
        assert (answer.status, "has printed" in answer.error) == (404, True), address
    assert explorer.ask("api/result", {"host": "example.org"}).status == 403
    assert explorer.ask("api/result", {"host": f"localhost:{parts.port}"}).status == 200
    before = explorer.state()["version"]
    act = {"who": WHO, "version": before, "act": {"kind": "name", "group": "c0", "name": "x"}}
    assert explorer.post("api/acts", act, {"origin": "http://example.org"}).status == 403
    assert explorer.post("api/acts", act, {"origin": "null"}).status == 403
    assert explorer.post("api/acts", act, {"content-type": "text/plain"}).status == 422
    assert explorer.state()["version"] == before
    assert explorer.post("api/acts", act, {"origin": root}).status == 200
    headers = explorer.ask("").headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")
    addresses = {
        str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), parts.port, socket.AF_INET)
    }
    for address in addresses - {"127.0.0.1"}:  # on its other addresses the machine answers nobody
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, parts.port), timeout=5)


def test_acts_are_kept_when_the_server_is_killed_and_undone_after(result: Path, cache: Path) -> None:
    with running_explorer(result, "--cache-dir", cache) as explorer:
        groups = explorer.state()["groups"]
        first, second = groups[0]["id"], groups[1]["id"]
        explorer.do(kind="name", group=first, name="CNV")
        explorer.do(kind="merge", groups=[first, second])
        before = explorer.state()
        explorer.do(kind="label", rows=[0, 1, 2], label="DME")
        assert explorer.process
        explorer.process.send_signal(signal.SIGKILL)
        explorer.process.wait()
    with running_explorer(result, "--cache-dir", cache) as explorer:
        state = explorer.state()
        assert (state["version"], state["labels"], state["undoText"]) == (3, 3, "labelled 3 images DME")
        assert explorer.membership()[2][:4].tolist() == [0, 0, 0, -1]
        undone = explorer.step("undo")
        assert (undone["groups"], undone["labels"]) == (before["groups"], 0)
        assert explorer.step("undo")["groups"][1]["id"] == second
        assert explorer.step("undo")["groups"] == groups
        assert explorer.post("api/undo", {"who": WHO, "version": 6}).status == 422
        assert [explorer.step("redo")["canRedo"] for _ in range(3)] == [True, True, False]
        assert explorer.state()["labels"] == 3
        stale = explorer.post("api/undo", {"who": WHO, "version": 6})
        assert (stale.status, "have changed since" in stale.error) == (409, True)


@pytest.mark.usefixtures("explorer")
def test_a_second_explorer_of_a_result_is_refused(shared_result: Path) -> None:
    program = Path(sys.executable).with_name("octcluster")
    second = subprocess.run(
        [str(program), "explore", str(shared_result), "--no-browser"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 2
    reading, told = second.stderr.splitlines()
    assert reading == f"octcluster: reading the result in {shared_result}"
    assert told.startswith("octcluster: another 'octcluster explore' works on ")


def test_pictures_are_those_of_the_files_until_they_are_gone(
    result: Path, scans: Path, cache: Path, outcome: RunOutcome, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    for scan in outcome.members[:3]:
        (moved / scan.name).parent.mkdir(exist_ok=True)
        (moved / scan.name).write_bytes(scan.path.read_bytes())
    first, second, third = (moved / scan.name for scan in outcome.members[:3])
    with running_explorer(result, "--cache-dir", cache, "--images", moved) as explorer:
        full = explorer.ask("api/pictures/0?side=full")
        assert (full.headers["content-type"], full.headers["cache-control"]) == (
            "image/webp",
            "private, max-age=3600",
        )
        np.testing.assert_array_equal(
            Image.open(BytesIO(full.body)).convert("L"), Image.open(first).convert("L")
        )
        small = explorer.ask("api/pictures/0?side=96")
        assert max(Image.open(BytesIO(small.body)).size) == 96
        assert max(Image.open(BytesIO(explorer.ask("api/pictures/0?side=192").body)).size) == 192
        first.unlink()
        assert explorer.ask("api/pictures/0?side=96").body == small.body  # from the cache
        gone = explorer.ask("api/pictures/0?side=full")
        assert (gone.status, "name its folder with --images FOLDER" in gone.error) == (404, True)
        second.write_bytes(third.read_bytes())
        changed = explorer.ask("api/pictures/1?side=96")
        assert (changed.status, "holds another image than in the run" in changed.error) == (404, True)
        third.write_bytes(b"\xff\xd8\xff no image")
        assert explorer.ask("api/pictures/2?side=96").status == 404
        assert explorer.ask("api/result").json["pictures"] is True
    assert {oct(path.stat().st_mode & 0o077) for path in (cache / "explorer").rglob("*")} == {"0o0"}
    record = json.loads((result / "run.json").read_text())
    record["arguments"]["images"] = str(tmp_path / "nowhere")
    (result / "run.json").write_text(json.dumps(record))
    with running_explorer(result, "--cache-dir", cache) as explorer:
        told = explorer.ask("api/result").json
        assert (told["pictures"], told["imagesGone"]) == (False, 24)
        sentence = (
            "24 of 24 images are not where the run found them: end the explorer, and start it again with"
        )
        assert told["imagesText"] == f"{sentence} --images FOLDER"
        assert explorer.process
        assert explorer.process.stderr
        lines = [explorer.process.stderr.readline() for _ in range(2)]
        assert lines[1].startswith(f"octcluster: {told['imagesText']} (they were looked for in ")
        assert explorer.ask("api/pictures/5?side=96").status == 404
        assert explorer.state()["groups"]


def test_corrected_groups_are_the_labels_of_the_next_run(
    explorer: Caller, shared_result: Path, outcome: RunOutcome, scans: Path
) -> None:
    truth = [scan.label for scan in outcome.members]
    groups = [group["id"] for group in explorer.state()["groups"]]
    own = explorer.membership()[0]
    for group, label in zip(groups, CLASSES, strict=True):
        explorer.do(kind="name", group=group, name=label)
    for group, label in zip(groups, CLASSES, strict=True):
        wrong = [row for row, position in enumerate(own) if truth[row] == label != CLASSES[position]]
        if wrong:
            explorer.do(kind="move", rows=wrong, group=group)
    assert explorer.post("api/exports", {}).json["images"] == len(truth)
    labelled = find_images(scans, str(shared_result / "exports" / "labels.csv"))
    assert labelled.label_source == "csv"
    assert [scan.label for scan in labelled.images] == truth
    assert json.loads((shared_result / "names.json").read_text())["result_id"] == outcome.result_id


def test_images_alike_are_found_and_a_group_is_split(explorer: Caller, outcome: RunOutcome) -> None:
    found = wait_until(lambda: _ready(explorer.ask("api/neighbours/3?count=5").json))
    values = np.array(
        [np.asarray(Image.open(scan.path).convert("L").resize((15, 15))).ravel() for scan in outcome.members],
        dtype=float,
    )
    order = np.linalg.norm(values - values[3], axis=1).argsort()
    assert found["rows"][0] in order[1:4]  # on pixels, the nearest look alike
    assert found["distances"] == sorted(found["distances"])
    assert 3 not in found["rows"]
    assert explorer.ask("api/neighbours/99").status == 404
    assert explorer.ask("api/neighbours/3?count=0").status == 422

    groups = explorer.state()["groups"]
    largest = max(groups, key=lambda group: int(group["images"]))
    for k in (1, 21, "2", None, True):
        assert explorer.post("api/split", {"group": largest["id"], "k": k}).status == 422
    assert "no group" in explorer.post("api/split", {"group": "c9", "k": 2}).error
    job = explorer.post("api/split", {"group": largest["id"], "k": 2}).json["job"]
    done = wait_until(lambda: _done(explorer.ask(f"api/jobs/{job}").json))
    own = np.flatnonzero(explorer.membership()[0] == groups.index(largest)).tolist()
    assert done["error"] == ""
    assert sorted(row for part in done["parts"] for row in part) == own
    assert len(done["parts"]) == 2
    state = explorer.do(kind="split", group=largest["id"], parts=done["parts"][1:])
    assert [group["images"] for group in state["groups"] if group["id"] == "g1"] == [len(done["parts"][1])]
    assert explorer.step("undo")["groups"] == groups


def test_vectors_that_are_lost_come_from_the_images_again(
    outcome: RunOutcome, result: Path, scans: Path, pixel_embedder: Server, clusterer: Server, tmp_path: Path
) -> None:
    lost = list(dict.fromkeys(outcome.image_keys[:3]))
    moved = tmp_path / "moved"
    shutil.copytree(scans, moved)
    (moved / outcome.members[0].name).unlink()
    with ClustererClient(clusterer.address) as client:
        assert client.delete_vectors(lost) >= len(lost)
    with running_explorer(
        result, "--images", moved, "--embedder", pixel_embedder.address, "--cache-dir", tmp_path / "cache"
    ) as explorer:
        found = wait_until(lambda: _ready(explorer.ask("api/neighbours/1?count=100").json))
        assert sorted(found["rows"]) == [row for row in range(24) if row not in (0, 1)]
        gone = explorer.ask("api/neighbours/0")
        assert (gone.status, "the vector of image 1 is lost" in gone.error) == (404, True)
        assert outcome.members[0].name not in gone.error


def test_labels_spread_from_a_few_images(explorer: Caller, outcome: RunOutcome) -> None:
    truth = [scan.label for scan in outcome.members]
    refused = explorer.ask("api/propagation")
    assert (refused.status, "at least two classes" in refused.error) == (422, True)
    for label in CLASSES:
        explorer.do(
            kind="label", rows=[row for row, known in enumerate(truth) if known == label][:3], label=label
        )
    state = explorer.do(kind="unusable", rows=[5], unusable=True)
    found = wait_until(lambda: _ready(explorer.ask("api/propagation").json))
    labels = [found["values"][label] if label >= 0 else None for label in found["labels"]]
    by_hand = explorer.membership()[2] >= 0
    assert labels[5] is None
    assert [labels[row] for row in np.flatnonzero(by_hand)] == [truth[row] for row in np.flatnonzero(by_hand)]
    patients = [outcome.members[row].patient for row in found["ask"]]
    assert len(set(patients)) == len(patients) > 0
    assert not by_hand[found["ask"]].any()
    assert (
        explorer.post(
            "api/acts",
            {"who": WHO, "version": state["version"], "act": {"kind": "propagate", "certainty": 2}},
        ).status
        == 422
    )
    applied = explorer.do(
        kind="propagate", rows=[1], labels=[9], values=["planted"]
    )  # what is sent is not taken
    assert "planted" not in applied["labelValues"]
    assert applied["labels"] == len(truth) - 1
    assert applied["propagated"] == len(truth) - 1 - 12
    flags = explorer.membership()[1]
    np.testing.assert_array_equal(flags & 2 != 0, ~by_hand & (np.arange(len(truth)) != 5))
    assert explorer.ask("api/propagation").json["labels"] == found["labels"]  # what spread does not spread on
    assert explorer.step("undo")["labels"] == 12


def test_two_runs_are_compared(result: Path, outcome: RunOutcome, cache: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    clusters = [(cluster + 1) % 4 for cluster in outcome.assignments.clusters]
    changed = replace(outcome, assignments=replace(outcome.assignments, clusters=clusters))
    write_run_files(changed, other, {"images": "elsewhere"}, datetime.now(UTC))
    with running_explorer(result, "--cache-dir", cache, "--compare", other) as explorer:
        assert explorer.ask("api/result").json["compare"] is True
        assert explorer.columns()[0]["other_cluster"].tolist() == clusters
        found = explorer.ask("api/comparison").json
        assert (found["matched"], found["missing"], found["changed"]) == (24, 0, 0)
        assert sorted(found["partners"]) == [[0, 1], [1, 2], [2, 3], [3, 0]]
    with running_explorer(result, "--cache-dir", cache) as explorer:
        assert "with --compare OTHER" in explorer.ask("api/comparison").error


def _ready(answer: Any) -> Any:
    """An answer once it is ready; an error is one, too."""
    assert not answer["error"], answer["error"]
    return answer if answer["ready"] else None


def _done(answer: Any) -> Any:
    return answer if answer["done"] else None


def test_what_is_no_act_changes_nothing_and_is_answered(explorer: Caller) -> None:
    deep = b"[" * 100_000
    state = explorer.state()
    call = {"who": WHO, "version": state["version"]}
    lone = json.dumps({**call, "act": {"kind": "name", "group": "c0", "name": "\ud800"}})
    bodies = [b"", b"{", b"[]", b"null", deep, b"\xff\xfe", lone.encode(), json.dumps(call).encode()]
    acts: list[object] = [7, {"kind": ["name"]}, {"kind": "move", "rows": [10**30], "group": "c0"}]
    acts += [{"kind": "move", "rows": [float("nan")], "group": "c0"}, {"kind": "merge", "groups": "c0"}]
    bodies += [json.dumps({**call, "act": act}).encode() for act in acts]
    for body in bodies:
        for path in ("api/acts", "api/undo", "api/split"):
            answer = explorer.ask(path, {"content-type": "application/json"}, body)
            assert answer.status in (409, 422), (path, body[:80], answer.body)
            assert len(answer.error.split()) > 3
    for path in ("api/membership", "api/membership?version=x", "api/pictures/0?side=-1"):
        assert explorer.ask(path).status == 422, path
    assert explorer.ask("api/acts").status == 405
    assert explorer.state() == state


def test_the_browser_is_opened_with_the_address(result: Path, tmp_path: Path) -> None:
    program, told = tmp_path / "browser", tmp_path / "told"
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > "{told}"\n')
    program.chmod(0o700)
    command = [str(Path(sys.executable).with_name("octcluster")), "explore", str(result)]
    environment = {**os.environ, "BROWSER": f"{program} %s"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            opened = wait_until(lambda: told.read_text() if told.exists() else "")
            assert line == f"octcluster explore: {opened}\n"
            assert Caller(opened).ask("api/result").status == 200
        finally:
            process.terminate()
        assert process.wait(30) == 0


def test_a_port_in_use_is_told_with_the_cure(result: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        program = Path(sys.executable).with_name("octcluster")
        refused = subprocess.run(
            [str(program), "explore", str(result), "--no-browser", "--port", str(port)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[1:] == [
        f"octcluster: port {port} is in use: name another one (--port N), or none for any that is free"
    ]
    assert not (result / "history.jsonl").exists()
