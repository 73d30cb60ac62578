"""The jobs that clients have done, again and again, each against its undisturbed result."""

import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from octcluster import (
    Assignments,
    AssignOptions,
    ClustererClient,
    EmbedderClient,
    Embedding,
    EmbeddingSpace,
    FinishedRun,
    ImageSet,
    Member,
    OctclusterError,
    Preparation,
    RunFailed,
    RunNotFound,
    RunOptions,
    RunResult,
    RunSpec,
    RunState,
    Silence,
    assign_images,
    run_images,
)
from octcluster.model.recipes import PIXELS_1, PLAIN_1
from octcluster.outputs.run.assignments import format_assignments
from octcluster.outputs.run.scores import format_scores
from programs import Stack
from promises import Ledger

SEEDS = (0, 1)
_SPACE = EmbeddingSpace("soak", "00" * 32, "1", "pooled", "float32", 16, b"\x0c" * 32)
_VECTORS_A_PUT = 8
_RUN_VECTORS = 60
_SAID_LONGEST = 300
# Lines of the services' logs, and of Valkey's.
_LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} |\d+:[A-Z] \d\d [A-Z][a-z]{2} \d{4} ")
_OWN = ("seconds", "run_id", "result_id")


class Broken(Exception):
    """A job found a promise broken."""


@dataclass
class Site:
    """What all jobs work with.

    Attributes:
        stack: The services.
        ledger: What they have acknowledged.
        image_sets: The sets of images.
        folder: Where folders of images lie.
        outputs: Where results of commands go; the disk below may be full.
        model: The embedder's model.
        expected: Undisturbed results, by what they are of; filled by the first that comes.
        is_disturbed: Whether results are compared, no longer noted.
        reference: A finished run, to assign to.
    """

    stack: Stack
    ledger: Ledger
    image_sets: list[ImageSet]
    outputs: Path
    cache: Path
    model: str
    expected: dict[object, bytes] = field(default_factory=dict)
    is_disturbed: bool = False
    reference: str = ""
    plant: str = ""

    def compare(self, name: object, found: bytes) -> None:
        """Holds a result against the undisturbed one, or notes it as that."""
        if not self.is_disturbed:
            self.expected[name] = found
        elif (found if self.plant != "wrong-bytes" else found + b" ") != self.expected[name]:
            raise Broken(f"{name} is not what it is undisturbed")

    def options(self, chance: random.Random, seed: int = 0) -> dict[str, Any]:
        """Options for both services; half of the time no vector is cached."""
        secret = chance.randbytes(16) if chance.random() < 0.5 else b"kept"
        return {
            "model": self.model,
            "embedder": self.stack.embedder,
            "clusterer": self.stack.clusterer,
            "key_secret": secret,
        }


Job = Callable[[Site, random.Random], None]


def run(site: Site, chance: random.Random) -> None:
    """A run through both services, as ``octcluster run`` does it."""
    began = time.monotonic()
    which, seed = chance.randrange(len(site.image_sets)), chance.choice(SEEDS)
    recipe = PIXELS_1 if site.model == "pixels" else PLAIN_1
    options = RunOptions(recipe=recipe, seed=seed, stability_resamples=0, umap=False, **site.options(chance))
    outcome = run_images(site.image_sets[which], options, Silence())
    # A result's name depends on the secret.
    table = b"".join(format_assignments(outcome)).replace(outcome.result_id.encode(), b"")
    site.compare(("run", which, seed), table + _comparable(format_scores(outcome)))
    site.ledger.note_run(outcome.spec.run_id, began, _describe_run(outcome.result, outcome.assignments))
    site.reference = site.reference or outcome.spec.run_id


def assign(site: Site, chance: random.Random) -> None:
    """Images into the clusters of a finished run."""
    which = chance.randrange(len(site.image_sets))
    outcome = assign_images(
        FinishedRun(site.reference), site.image_sets[which], AssignOptions(**site.options(chance)), Silence()
    )
    if outcome.failures:
        raise Broken(f"an image failed: {outcome.failures[0].reason}")
    # What is recognized as an image of the run depends on the secret: it is left out.
    names = [image.name for image in outcome.members]
    placements = replace(outcome.placements, image_keys=())
    site.compare(("assign", which), f"{names} {placements}".encode())


def embed(site: Site, chance: random.Random) -> None:
    """Three images by the embedder alone."""
    which = chance.randrange(len(site.image_sets))
    images = [image.path.read_bytes() for image in site.image_sets[which].images[:3]]
    with EmbedderClient(site.stack.embedder, **_patience(chance)) as client:
        features = "pixels" if site.model == "pixels" else "pooled"
        answers = client.embed(images, features, site.model)
    for answer in answers:
        if not isinstance(answer, Embedding):
            raise Broken(f"an image failed: {answer.message}")
    vectors = b"".join(answer.vector for answer in answers if isinstance(answer, Embedding))
    site.compare(("embed", which), vectors)


def put(site: Site, chance: random.Random) -> None:
    """Vectors into the cache, which are read again at the end."""
    rows = np.random.default_rng(chance.getrandbits(32)).normal(size=(_VECTORS_A_PUT, _SPACE.dimension))
    vectors = [(chance.randbytes(32), row.astype("<f4").tobytes()) for row in rows]
    began = time.monotonic()
    with _calling(site, chance) as client:
        if (stored := client.put_vectors(_SPACE, vectors).stored) != len(vectors):
            raise Broken(f"{stored} of {len(vectors)} vectors were stored")
    site.ledger.note_vectors(vectors, began)


def cluster(site: Site, chance: random.Random) -> None:
    """A run by the clusterer alone, sometimes cancelled or deleted."""
    began, seed, end = time.monotonic(), chance.choice(SEEDS), chance.choice(("", "", "cancel", "delete"))
    vectors = _fixed_vectors()
    with _calling(site, chance) as client:
        client.put_vectors(_SPACE, vectors)
        spec = RunSpec(_SPACE, Preparation(), max_clusters=6, seed=seed, run_id=chance.randbytes(16).hex())
        client.start_run(spec, [Member(key) for key, _ in vectors])
        if end == "cancel":
            client.cancel(spec.run_id)
            state = list(client.watch(spec.run_id))[-1].state
            if state not in (RunState.CANCELLED, RunState.SUCCEEDED):
                raise Broken(f"a run that was cancelled is {state}")
            return
        client.wait(spec.run_id)
        content = _read_run(client, spec.run_id)
        site.compare(("cluster", seed), content)
        if end == "delete":
            client.delete(spec.run_id)
            site.ledger.note_deleted(spec.run_id)
            return
    site.ledger.note_run(spec.run_id, began, content)


def look_back(site: Site, chance: random.Random) -> None:
    """Whether a run that was acknowledged is still there, and one that was deleted is gone."""
    with site.ledger.lock:
        runs, deleted = list(site.ledger.runs), list(site.ledger.deleted)
    with _calling(site, chance) as client:
        for run_id in chance.sample(runs, min(2, len(runs))):
            check_run(site, client, run_id)
        for run_id in chance.sample(deleted, min(1, len(deleted))):
            check_deleted(site, client, run_id)


def check_run(site: Site, client: ClustererClient, run_id: str) -> None:
    held = site.ledger.runs.get(run_id)
    if held is None:
        return
    try:
        if _read_run(client, run_id) != held.content:
            raise Broken(f"run {run_id} has changed since it was acknowledged")
    except (RunNotFound, RunFailed):
        told = site.ledger.judge_loss(f"run {run_id}", held, site.stack.log, is_run=True)
        with site.ledger.lock:
            site.ledger.runs.pop(run_id, None)
        if told:
            raise Broken(told) from None


def check_deleted(site: Site, client: ClustererClient, run_id: str) -> None:
    try:
        client.status(run_id)
    except RunNotFound:
        return
    raise Broken(f"run {run_id} was deleted and is there again")


def check_vectors(site: Site, client: ClustererClient) -> list[str]:
    """What is lost or changed of the vectors that were acknowledged."""
    keys = list(site.ledger.vectors)
    found = client.get_vectors(_SPACE, keys)
    broken = []
    for key in keys:
        held = site.ledger.vectors[key]
        if key not in found:
            what = f"vector {key.hex()[:8]}"
            broken.append(site.ledger.judge_loss(what, held, site.stack.log, is_run=False))
        elif found[key] != held.content:
            broken.append(f"vector {key.hex()[:8]} has changed")
    return [text for text in broken if text]


@dataclass
class LocalRun:
    """``octcluster run`` with servers of its own; the command and they may be killed."""

    process: subprocess.Popen[bytes] | None = None

    def __call__(self, site: Site, chance: random.Random) -> None:
        seed = chance.choice(SEEDS)
        out = site.outputs / f"run-{chance.randrange(2)}"
        command = [sys.executable, "-m", "octcluster", "run", str(site.image_sets[0].root), "--out", str(out)]
        command += ["--cache-dir", str(site.cache), "--seed", str(seed), "--model", site.model, "--quiet"]
        command += ["--recipe", "pixels-1" if site.model == "pixels" else "plain-1"]
        command += ["--no-umap", "--stability", "0", "--overwrite"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=site.stack.environment
        )
        _, said = self.process.communicate(timeout=600)
        self._check(site, out, seed, said.decode(errors="replace"))

    def _check(self, site: Site, out: Path, seed: int, said: str) -> None:
        assert self.process is not None
        code = self.process.returncode
        record = out / "run.json"
        if record.exists():
            # Of this run or of the one before: then of that seed.
            own = seed if code == 0 else json.loads(record.read_text())["seed"]
            scores = _comparable((out / "scores.json").read_bytes())
            site.compare(("local", own), (out / "assignments.csv").read_bytes() + scores)
        if code == 0 and not record.exists():
            raise Broken("a run that went well left no run.json")
        if "Traceback" in said:
            raise Broken(f"a traceback: {said[-_SAID_LONGEST:]}")
        if code != 0:
            ends = f"killed, exit code {code}" if code < 0 else ""
            raise OctclusterError(f"{ends}{_leave_out_logs(said)[-2 * _SAID_LONGEST :]}")


def _calling(site: Site, chance: random.Random) -> ClustererClient:
    return ClustererClient(site.stack.clusterer, **_patience(chance))


def _patience(chance: random.Random) -> dict[str, Any]:
    """Most wait for what is away; some do not, and are told why."""
    return {"timeout_seconds": 20.0, "retry_seconds": chance.choice((0.5, 120.0, 120.0, 120.0))}


def _fixed_vectors() -> list[tuple[bytes, bytes]]:
    rows = np.random.default_rng(0).normal(size=(_RUN_VECTORS, _SPACE.dimension))
    rows += 8 * np.eye(_SPACE.dimension)[np.arange(_RUN_VECTORS) % 4]
    return [(bytes([number]) * 32, row.astype("<f4").tobytes()) for number, row in enumerate(rows)]


def _read_run(client: ClustererClient, run_id: str) -> bytes:
    result = client.result(run_id)
    return _describe_run(result, client.assignments(run_id, result.chosen))


def _describe_run(result: RunResult, assignments: Assignments) -> bytes:
    timeless = [replace(each, seconds=0.0) for each in result.results]
    columns = {column.name: list(getattr(assignments, column.name)) for column in fields(assignments)}
    return f"{result.chosen} {timeless} {columns}".encode()


def _leave_out_logs(said: str) -> str:
    """What a command said itself, without what it quotes of the log of a server."""
    return "\n".join(line for line in said.splitlines() if not _LOGGED.match(line))


def _comparable(document: bytes) -> bytes:
    """A JSON document without what each run has of its own."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: strip(each) for name, each in value.items() if name not in _OWN}
        return [strip(each) for each in value] if isinstance(value, list) else value

    return json.dumps(strip(json.loads(document)), sort_keys=True).encode()
