"""Whole runs with a real Dask cluster: the result of one machine, whatever happens to workers; clear ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import Certificates, make_certificates
from dask_clusters import DaskParts, running_parts
from distributed import Client
from known import known
from octcluster_clusterer import tiles
from octcluster_clusterer.clustering import kmeans, minibatch_kmeans
from octcluster_clusterer.dask_programs.health import check_health
from octcluster_clusterer.engine import blocks as blocks_module
from octcluster_clusterer.engine import dask_blocks, dask_cluster
from octcluster_clusterer.engine.blocks import BLOCK_ROWS
from octcluster_clusterer.engine.dask_engine import DaskEngine
from octcluster_clusterer.engine.engine import Engine, LocalEngine
from octcluster_clusterer.engine.scheduler_place import SchedulerPlace
from octcluster_clusterer.errors import EngineUnavailable, InvalidRequest
from octcluster_clusterer.model import Algorithm, Members, Preparation, RunSpec, Stage, VectorSpace
from octcluster_clusterer.runs.pipeline import run_pipeline
from octcluster_clusterer.runs.records import RunResult
from octcluster_clusterer.scoring import silhouette
from octcluster_clusterer.store.opening import VectorPlace, open_vectors
from octcluster_clusterer.store.vectors import VectorCache
from octcluster_clusterer.trust import near_duplicates, stability
from octcluster_clusterer.trust.duplicates import Duplicates
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from processes import free_port, running_service
from stores import Store
from waiting import wait_until

from .conftest import Blobs, Clusterer, new_spec

pytestmark = pytest.mark.heavy

DIMENSION = 40
N_MEMBERS = BLOCK_ROWS + 1200
SPACE = VectorSpace(b"d" * 32, DIMENSION)
PREPARATION = Preparation(
    pca=6,
    whiten=True,
    part_dimensions=(24, 16),
    whiten_within_patients=True,
    normalize_prepared=True,
)
SPEC = RunSpec("0" * 32, SPACE, PREPARATION, [Algorithm.KMEANS], 3, 4, seed=0)


def nothing(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def store(dask_store: Store) -> Store:
    return dask_store


@pytest.fixture(scope="module")
def vectors(store: Store) -> VectorCache:
    return open_vectors(VectorPlace(store.url))


@pytest.fixture(scope="module")
def members(vectors: VectorCache) -> Members:
    """Four classes; patients lie across the blocks, and so do two copies and many that are alike."""
    random = np.random.default_rng(0)
    classes = random.integers(0, 4, N_MEMBERS)
    values = random.standard_normal((N_MEMBERS, DIMENSION), dtype=np.float32)
    values += 3 * random.standard_normal((4, DIMENSION), dtype=np.float32)[classes]
    values[N_MEMBERS - 1] = 1.5 * values[3]
    keys = np.frombuffer(os.urandom(32 * N_MEMBERS), dtype=np.uint8).reshape(-1, 32)
    vectors.put(SPACE, [(key.tobytes(), row.tobytes()) for key, row in zip(keys, values, strict=True)])
    patients = (np.arange(N_MEMBERS) % 900).astype(np.int32)
    return Members(keys, classes.astype(np.int32), patients)


@pytest.fixture(scope="module")
def parts(dask_parts: DaskParts) -> DaskParts:
    """Two workers, each of which has one of the two blocks."""
    dask_parts.stop_workers(2)
    dask_parts.start_workers(2 - len(dask_parts.workers))
    return dask_parts


@pytest.fixture
def engine(parts: DaskParts, vectors: VectorCache) -> DaskEngine:
    return DaskEngine(parts.place, vectors)


def run(
    engine: Engine, members: Members, spec: RunSpec = SPEC, report: Callable[..., None] = nothing
) -> RunResult:
    blocks = engine.open(spec.space, members.image_keys, nothing)
    try:
        return run_pipeline(blocks, members, spec, report)
    finally:
        blocks.close()


@pytest.fixture(scope="module")
def expected(vectors: VectorCache, members: Members) -> RunResult:
    return run(LocalEngine(vectors), members)


def list_bytes(value: Any) -> list[object]:
    """All that a result holds, arrays as their bytes, without times and memory."""
    if isinstance(value, np.ndarray):
        return [value.tobytes()]
    if isinstance(value, dict):
        return [one for item in value.values() for one in list_bytes(item)]
    if isinstance(value, list | tuple):
        return [one for item in value for one in list_bytes(item)]
    return [value]


def assert_equal(found: RunResult, expected: RunResult) -> None:
    for result, other in zip(found.results, expected.results, strict=True):
        assert list_bytes(astuple(replace(result, seconds=0))) == list_bytes(
            astuple(replace(other, seconds=0))
        )
    for name in ("coordinates", "explained_variance_ratios", "duplicates", "fitted", "patient_whitening"):
        own, others = ([getattr(one, name)] for one in (found, expected))
        assert [list_bytes(astuple(one) if hasattr(one, "__dataclass_fields__") else one) for one in own] == [
            list_bytes(astuple(one) if hasattr(one, "__dataclass_fields__") else one) for one in others
        ], name


def test_a_run_on_a_cluster_gives_the_bytes_of_one_machine_and_keeps_no_raw_blocks(
    engine: DaskEngine, parts: DaskParts, members: Members, expected: RunResult
) -> None:
    def count_kept(dask_worker: Any) -> int:
        return len(dask_worker.plugins["octcluster"]._kept._kept)

    kept: dict[Stage, int] = {}

    def look(stage: Stage, done: int, total: int) -> None:
        if stage not in kept and (stage is Stage.SCORING or done == 2):
            with Client(parts.place.address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
                kept[stage] = sum(client.run(count_kept).values())

    best = expected.duplicates.pairs[0]
    assert (best.first_member, best.second_member) == (3, N_MEMBERS - 1)
    assert expected.duplicates.total_pairs > 100
    assert_equal(run(engine, members, report=look), expected)
    assert kept[Stage.PREPARING] >= 2  # the two blocks, wherever they were read
    assert kept[Stage.SCORING] == 0  # once workers hold the prepared ones


def test_near_duplicates_of_many_images_have_the_bytes_of_one_machine(
    engine: DaskEngine, vectors: VectorCache, members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_duplicates, "EXACT_IMAGES", BLOCK_ROWS)

    def find(own: Engine) -> Duplicates:
        blocks = own.open(SPACE, members.image_keys, nothing)
        try:
            return near_duplicates.find_duplicates(blocks, members.image_keys, 0, nothing)
        finally:
            blocks.close()

    found = find(engine)
    assert found.search is not None
    assert found.search.sampled_pairs > 100
    assert list_bytes(astuple(found)) == list_bytes(astuple(find(LocalEngine(vectors))))


@pytest.mark.parametrize("step", [1, 2])
def test_a_killed_worker_changes_nothing(
    engine: DaskEngine, parts: DaskParts, members: Members, expected: RunResult, step: int
) -> None:
    killed: list[int] = []

    def kill(stage: Stage, done: int, total: int) -> None:
        if stage is Stage.PREPARING and done == step and not killed:
            killed.append(step)
            parts.kill_worker(step % 2)

    assert_equal(run(engine, members, report=kill), expected)
    assert killed


def test_what_sums_do_not_give_is_done_here(
    engine: DaskEngine, vectors: VectorCache, members: Members
) -> None:
    few = Members(members.image_keys[:30], None)
    for preparation in (Preparation(), Preparation(pca=5)):  # no components; fewer members than dimensions
        spec = replace(SPEC, preparation=preparation)
        assert_equal(run(engine, few, spec), run(LocalEngine(vectors), few, spec))


def test_prepared_vectors_that_do_not_fit_are_refused(
    parts: DaskParts, vectors: VectorCache, members: Members
) -> None:
    with pytest.raises(InvalidRequest, match=r"of 12 values must come .* \(--pca\)"):
        run(DaskEngine(parts.place, vectors, most_room_bytes=4 * N_MEMBERS * 12 - 1), members)


def test_many_blocks_that_workers_hold_together_give_the_bytes_of_one_machine(
    engine: DaskEngine, vectors: VectorCache, members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a million members do: samples, and more blocks than tasks; patients across all of them."""
    # Two blocks more than have tasks of their own: sums go up three levels, the last task has fewer blocks.
    few = slice(0, 3300)
    members = Members(
        members.image_keys[few], known(members.class_indices)[few], known(members.patient_indices)[few]
    )
    monkeypatch.setattr(blocks_module, "BLOCK_ROWS", 50)
    monkeypatch.setattr(tiles, "LONGEST_SUM", 50)
    monkeypatch.setattr(silhouette, "EXACT_MEMBERS", 1500)
    monkeypatch.setattr(silhouette, "SAMPLED_MEMBERS", 1500)
    monkeypatch.setattr(stability, "MAX_MEMBERS", 1500)
    monkeypatch.setattr(kmeans, "SEEDED_MEMBERS", 1500)
    monkeypatch.setattr(minibatch_kmeans, "SAMPLED_MEMBERS", 1500)
    algorithms = [Algorithm.KMEANS, Algorithm.MINIBATCH_KMEANS, Algorithm.GMM, Algorithm.UNEVEN_CONSENSUS]
    spec = replace(SPEC, algorithms=algorithms, min_clusters=3, max_clusters=3, stability_resamples=2)
    expected = run(LocalEngine(vectors), members, spec)
    here = 4 * 1500 * 12  # no more than the samples
    assert_equal(run(DaskEngine(engine._place, vectors, most_room_bytes=here), members, spec), expected)


def test_a_worker_computes_in_one_thread(parts: DaskParts) -> None:
    with Client(parts.place.address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        told = client.run(os.getenv, "OMP_NUM_THREADS")
    assert set(told.values()) == {os.environ.get("OMP_NUM_THREADS", "1")}


def test_other_packages_on_the_workers_are_told(
    engine: DaskEngine, members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_blocks, "describe_installation", lambda: "octcluster-clusterer of old")
    with pytest.raises(EngineUnavailable, match="octcluster-clusterer of old: install the same packages"):
        run(engine, members)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls") / "own")


@pytest.fixture(scope="module")
def safe_parts(
    store: Store, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DaskParts]:
    own = certificates.server
    files = (certificates.ca, own.cert, own.key)
    with running_parts(tmp_path_factory.mktemp("safe"), store.url, files) as running:
        yield running


def test_a_cluster_without_workers_is_told_in_bounded_time(
    safe_parts: DaskParts, vectors: VectorCache, members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "_WORKERS_SECONDS", 1.0)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:  # until the scheduler, too, is there
        with pytest.raises(EngineUnavailable) as told:
            run(DaskEngine(safe_parts.place, vectors), members)
        if "octcluster-dask-worker" in str(told.value):
            return
    pytest.fail(str(told.value))


def test_nobody_gets_in_without_a_certificate_of_the_authority(
    safe_parts: DaskParts,
    vectors: VectorCache,
    members: Members,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_cluster, "_CONNECT_SECONDS", 3)
    strange = make_certificates(tmp_path / "strange")
    place = safe_parts.place
    plain = SchedulerPlace(place.address.replace("tls://", "tcp://"))
    for other in (
        replace(place, cert=strange.client.cert, key=strange.client.key),
        plain,
    ):
        with pytest.raises(EngineUnavailable, match="cannot be reached"):
            run(DaskEngine(other, vectors), members)


def test_health_is_that_of_the_scheduler_for_parts_with_its_certificates(
    safe_parts: DaskParts, tmp_path: Path
) -> None:
    strange, place = make_certificates(tmp_path / "strange").client, safe_parts.place
    wait_until(lambda: check_health(place) == 0)
    assert check_health(replace(place, cert=strange.cert, key=strange.key)) == 1
    assert check_health(SchedulerPlace(place.address.replace("tls://", "tcp://"))) == 1
    assert check_health(SchedulerPlace(f"tcp://127.0.0.1:{free_port()}")) == 1
    worker = [sys.executable, "-m", "octcluster_clusterer.dask_programs.worker", "--check-health"]
    worker += [f"--scheduler={place.address}"]
    for flag, file in (("--tls-ca", place.ca), ("--tls-cert", place.cert), ("--tls-key", place.key)):
        worker += [flag, str(file)]
    assert subprocess.run(worker, capture_output=True, text=True, timeout=60).stdout == "serving\n"


def test_the_end_of_the_scheduler_ends_the_run(
    safe_parts: DaskParts, vectors: VectorCache, members: Members, expected: RunResult
) -> None:
    safe_parts.start_workers(1)
    engine = DaskEngine(safe_parts.place, vectors)
    assert_equal(run(engine, members), expected)

    def kill(stage: Stage, done: int, total: int) -> None:
        if stage is Stage.PREPARING and safe_parts.scheduler.poll() is None:
            safe_parts.scheduler.send_signal(signal.SIGKILL)

    before = time.monotonic()
    with pytest.raises(
        EngineUnavailable, match="scheduler was lost in the middle of the run: start it again"
    ):
        run(engine, members, report=kill)
    assert time.monotonic() - before < 120


def test_the_server_runs_on_a_cluster_and_tells_when_it_is_away(parts: DaskParts, store: Store) -> None:
    """Last of all: it ends the workers and the scheduler of the others."""
    flags = ("--redis-url", store.url, "--engine", "dask", "--dask-scheduler", parts.place.address)
    blobs = Blobs.draw(500)
    with running_service("octcluster_clusterer", *flags) as server:
        clusterer = Clusterer(server.address)
        clusterer.put(blobs.entries())
        spec = new_spec(preparation=pb.Preparation(pca_components=5))
        clusterer.start(spec, blobs)
        assert clusterer.watch(spec.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED
        parts.stop()
        away = new_spec(preparation=pb.Preparation(pca_components=5))
        clusterer.start(away, blobs)
        status = clusterer.watch(away.run_id)[-1]
        assert status.state == pb.RUN_STATE_FAILED
        assert status.error.code == pb.RUN_ERROR_CODE_ENGINE_UNAVAILABLE
        assert "octcluster-dask-scheduler" in status.error.message
        assert clusterer.get(spec.run_id).result.prepared_dimension == 5
        assert parts.place.address not in server.log
