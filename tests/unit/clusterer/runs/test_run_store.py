"""Ended runs in a real Redis and a real Valkey: what is saved comes back, what is damaged does not."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import redis
from known import known
from octcluster_clusterer.assignment.assign import FittedRun
from octcluster_clusterer.assignment.fit import fit_rules
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import StoreUnavailable
from octcluster_clusterer.model import (
    Algorithm,
    Association,
    ClusteringResult,
    Contingency,
    DataType,
    Interval,
    Preparation,
    RunSpec,
    Score,
    Scores,
    Stability,
    Stage,
    VectorSpace,
)
from octcluster_clusterer.preparation.prepare import prepare
from octcluster_clusterer.runs.records import (
    RunError,
    RunErrorCode,
    RunRecord,
    RunResult,
    RunState,
    RunStatus,
)
from octcluster_clusterer.runs.run_store import RunStore
from octcluster_clusterer.store.redis import RedisStore
from octcluster_clusterer.trust.duplicates import Duplicates, DuplicateSearch, NearDuplicate
from stored_runs import LIST_KEY, RECORD_KEY, RUN_ID, put_record, unreadable_records
from stores import STORES, Store, started_store
from waiting import wait_until

pytestmark = pytest.mark.heavy

N_MEMBERS = 500
CREATED = datetime.now(UTC) - timedelta(seconds=60)


@pytest.fixture(scope="module", params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with started_store(request.param) as running:
        yield running


@pytest.fixture
def raw(store: Store) -> redis.Redis:
    client = redis.Redis.from_url(store.url)
    client.flushall()
    return client


@pytest.fixture
def runs(store: Store, raw: redis.Redis) -> RunStore:
    return RunStore(RedisStore(store.url), ttl_seconds=3600)


def make_spec(run_id: str, pca: float | int | None = 0.95) -> RunSpec:
    space = VectorSpace(b"\x01" * 32, 1280, DataType.UINT8)
    algorithms = [Algorithm.KMEANS, Algorithm.HDBSCAN]
    return RunSpec(
        run_id,
        space,
        Preparation(pca=pca, part_dimensions=(1000, 280)),
        algorithms,
        min_clusters=2,
        max_clusters=4,
        seed=2**32 - 1,
    )


def make_clustering(algorithm: Algorithm, seed: int, with_classes: bool) -> ClusteringResult:
    rng = np.random.default_rng(seed)
    silhouettes = rng.uniform(-1, 1, N_MEMBERS).astype(np.float32)
    silhouettes[:3] = np.nan
    scores = {field.name: Score(value=float(rng.random())) for field in fields(Scores)}
    scores["accuracy"] = Score(undefined_reason="no class is known")
    scores["purity"] = Score(0.5, interval=Interval(0.4, 0.625))
    return ClusteringResult(
        algorithm=algorithm,
        requested_clusters=None if algorithm is Algorithm.HDBSCAN else 3,
        labels=rng.integers(-1, 3, N_MEMBERS).astype(np.int32),
        silhouettes=silhouettes,
        scores=Scores(**scores),
        contingency=Contingency(
            np.arange(2, dtype=np.int32), np.arange(-1, 2, dtype=np.int32), np.arange(6).reshape(2, 3)
        )
        if with_classes
        else None,
        seconds=1.25,
        stability=Stability(Score(0.75), [Score(1.0), Score(undefined_reason="no part holds it")], 5)
        if with_classes
        else None,
        associations=(
            Association("class", 0.25, Score(0.125), 400),
            Association("width", 0.0, Score(undefined_reason="it is the same for all images"), 0),
        ),
        distances=np.abs(silhouettes),
        class_of_cluster=np.array([1, -1, 0] if with_classes else [], dtype=np.int32),
        rating=0.75 if with_classes else None,
    )


def make_fitted_run() -> FittedRun:
    rng = np.random.default_rng(6)
    vectors = rng.normal(size=(N_MEMBERS, 20)).astype(np.float32)
    preparation = Preparation(pca=3, whiten=True, part_dimensions=(12, 8))
    patients = np.arange(len(vectors))
    prepared = prepare(MemoryBlocks(vectors), preparation, patients, 0, lambda done, total: None)
    labels = [rng.integers(-1, 3, N_MEMBERS).astype(np.int32), np.full(N_MEMBERS, -1, dtype=np.int32)]
    rules = fit_rules(prepared.blocks, labels, lambda: None)
    assert prepared.fitted is not None
    assert rules is not None
    return FittedRun(prepared.fitted, rules)


def make_record(run_id: str, created: datetime = CREATED, pca: float | int | None = 0.95) -> RunRecord:
    rng = np.random.default_rng(5)
    result = RunResult(
        results=[make_clustering(Algorithm.KMEANS, 1, True), make_clustering(Algorithm.HDBSCAN, 2, False)],
        chosen=1,
        chosen_reason="highest silhouette",
        coordinates=rng.normal(size=(N_MEMBERS, 2)).astype(np.float32),
        input_dimension=1280,
        prepared_dimension=60,
        explained_variance_ratios=np.array([0.5, 0.25, 0.1]),
        stage_seconds={Stage.LOADING: 0.5, Stage.CLUSTERING: 2.0},
        stage_peak_bytes={Stage.LOADING: 2**33 + 1},
        duplicates=Duplicates(
            [NearDuplicate(3, 9, 0.99), NearDuplicate(0, 4, 0.96)],
            2000,
            0.95,
            DuplicateSearch(60, 8, Score(0.75, interval=Interval(0.5, 0.875)), exceeded=True),
        ),
        fitted=make_fitted_run(),
        umap_coordinates=rng.normal(size=(N_MEMBERS, 2)).astype(np.float32),
    )
    finished = created + timedelta(seconds=30)
    status = RunStatus(run_id, RunState.SUCCEEDED, N_MEMBERS, created, started=created, finished=finished)
    keys = rng.integers(0, 256, (N_MEMBERS, 32), dtype=np.uint8)
    return RunRecord(status, make_spec(run_id, pca), "f" * 32, keys, result)


def make_failed_record(run_id: str) -> RunRecord:
    error = RunError(RunErrorCode.VECTORS_MISSING, "3 of 9 members have no vector")
    status = RunStatus(run_id, RunState.FAILED, 9, CREATED, finished=CREATED, error=error)
    return RunRecord(status, make_spec(run_id), "f" * 32, np.empty((0, 32), dtype=np.uint8), None)


@pytest.mark.parametrize("pca", [0.95, 1.0, 64, None])
def test_a_run_comes_back_as_it_was(runs: RunStore, pca: float | int | None) -> None:
    saved = make_record("a" * 32, pca=pca)
    runs.save(saved)
    rng = np.random.default_rng(7)
    read = runs.read("a" * 32)
    assert read is not None
    assert read.status == saved.status
    assert read.spec == saved.spec
    assert type(read.spec.preparation.pca) is type(pca)
    assert read.fingerprint == saved.fingerprint
    np.testing.assert_array_equal(read.image_keys, saved.image_keys)
    assert read.result is not None
    assert saved.result is not None
    for name in (
        "chosen",
        "chosen_reason",
        "input_dimension",
        "prepared_dimension",
        "stage_seconds",
        "stage_peak_bytes",
        "duplicates",
        "umap_missing_reason",
        "umap_sampled_units",
    ):
        assert getattr(read.result, name) == getattr(saved.result, name), name
    np.testing.assert_array_equal(read.result.coordinates, saved.result.coordinates)
    np.testing.assert_array_equal(read.result.umap_coordinates, saved.result.umap_coordinates)
    np.testing.assert_array_equal(
        read.result.explained_variance_ratios, saved.result.explained_variance_ratios
    )
    assert read.result.fitted is not None
    assert saved.result.fitted is not None
    vectors = rng.normal(size=(40, 20)).astype(np.float32)
    found, expected = (
        known(one.fitted).result(0, saved.spec.space).assign(vectors) for one in (read.result, saved.result)
    )
    for name, values in vars(expected).items():
        np.testing.assert_array_equal(vars(found)[name], values)
    assert (read.result.fitted.rules[1], saved.result.fitted.rules[1]) == (None, None)
    for one, other in zip(read.result.results, saved.result.results, strict=True):
        assert one.algorithm is other.algorithm
        assert one.requested_clusters == other.requested_clusters
        assert one.scores == other.scores
        assert one.seconds == other.seconds
        assert one.stability == other.stability
        assert list(one.associations) == list(other.associations)
        assert one.rating == other.rating
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_array_equal(one.silhouettes, other.silhouettes)
        np.testing.assert_array_equal(one.distances, other.distances)
        np.testing.assert_array_equal(one.class_of_cluster, other.class_of_cluster)
        np.testing.assert_array_equal(one.cluster_sizes, other.cluster_sizes)
    table, expected_table = read.result.results[0].contingency, saved.result.results[0].contingency
    assert table is not None
    assert expected_table is not None
    np.testing.assert_array_equal(table.counts, expected_table.counts)
    np.testing.assert_array_equal(table.clusters, expected_table.clusters)
    assert read.result.results[1].contingency is None


def test_a_failed_run_comes_back_with_its_reason(runs: RunStore) -> None:
    saved = make_failed_record("b" * 32)
    runs.save(saved)
    read = runs.read("b" * 32)
    assert read is not None
    assert read.status == saved.status
    assert read.result is None
    assert read.image_keys.shape == (0, 32)


def test_an_unknown_run_is_none(runs: RunStore) -> None:
    assert runs.read("c" * 32) is None
    runs.delete("c" * 32)  # harmless
    assert runs.list_statuses() == []


def test_runs_are_listed_and_deleted(runs: RunStore) -> None:
    for i, name in enumerate("abc"):
        runs.save(make_record(name * 32, CREATED + timedelta(seconds=i)))
    assert [status.run_id[0] for status in runs.list_statuses()] == ["a", "b", "c"]
    runs.delete("b" * 32)
    assert runs.read("b" * 32) is None
    assert [status.run_id[0] for status in runs.list_statuses()] == ["a", "c"]


def test_every_field_is_guarded(runs: RunStore, raw: redis.Redis) -> None:
    runs.save(make_record("a" * 32))
    key = b"octcluster:v1:run:" + b"a" * 32
    whole: Any = raw.hgetall(key)
    assert len(whole) >= 8
    for name, value in whole.items():
        for damaged in (bytes([value[0] ^ 1]) + value[1:], value[:-1], b""):
            raw.hset(key, name, damaged)
            assert runs.read("a" * 32) is None, f"{name!r} was believed"
        raw.hset(key, name, value)
    assert runs.read("a" * 32) is not None
    raw.hset(key, b"array:0", whole[b"array:1"])
    assert runs.read("a" * 32) is None


def test_a_run_saved_in_part_is_no_run(runs: RunStore, raw: redis.Redis) -> None:
    runs.save(make_record("a" * 32))
    key = b"octcluster:v1:run:" + b"a" * 32
    raw.hdel(key, b"status")
    assert runs.read("a" * 32) is None
    assert runs.list_statuses() == []


def test_a_run_that_lost_a_column_is_no_run(runs: RunStore, raw: redis.Redis) -> None:
    runs.save(make_record("a" * 32))
    raw.hdel(b"octcluster:v1:run:" + b"a" * 32, b"array:1")
    assert runs.read("a" * 32) is None


@pytest.mark.parametrize("fault", unreadable_records())
def test_a_record_that_cannot_be_read_is_gone_and_hides_no_other(
    runs: RunStore, raw: redis.Redis, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    put_record(raw, unreadable_records()[fault])
    runs.save(make_record("a" * 32))
    assert runs.read(RUN_ID) is None
    assert f"run {RUN_ID}: passed over" in caplog.text
    assert [status.run_id for status in runs.list_statuses() if status.run_id != RUN_ID] == ["a" * 32]
    runs.save(make_record(RUN_ID))
    assert runs.read(RUN_ID) is not None, "a new run takes its place"
    put_record(raw, unreadable_records()[fault])
    runs.delete(RUN_ID)
    assert not raw.exists(RECORD_KEY)


def test_entries_of_the_list_that_are_no_ids_hide_no_run(
    runs: RunStore, raw: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    runs.save(make_record("a" * 32))
    raw.zadd(LIST_KEY, {b"\xff\xfe": 1, b"secret-name": 2, b"A" * 32: 3})
    assert [status.run_id for status in runs.list_statuses()] == ["a" * 32]
    assert "3 of its entries" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("run_id", ["", "secret-name", "A" * 32, "a" * 33, "\udcff"])
def test_no_run_has_another_id(runs: RunStore, run_id: str) -> None:
    assert runs.read(run_id) is None


def test_runs_expire(runs: RunStore, raw: redis.Redis) -> None:
    key, list_key = b"octcluster:v1:run:" + b"a" * 32, b"octcluster:v1:runs"
    runs.save(make_record("a" * 32, datetime.now(UTC)))
    assert 3_000_000 < raw.pttl(key) <= 3_600_000
    assert [status.run_id for status in runs.list_statuses()] == ["a" * 32]
    raw.pexpire(key, 1)
    wait_until(lambda: runs.read("a" * 32) is None)
    assert runs.list_statuses() == []
    assert known(raw.zincrby(list_key, -7200, b"a" * 32)) > 0  # as if it had been created two hours earlier
    runs.save(make_record("b" * 32, datetime.now(UTC)))
    assert raw.zrange(list_key, 0, -1) == [b"b" * 32], "expired runs leave the list"


def test_saving_without_a_store_says_so(store: Store) -> None:
    runs = RunStore(RedisStore("unix:///nowhere/at/all"), ttl_seconds=1)
    with pytest.raises(StoreUnavailable):
        runs.save(replace(make_record("a" * 32)))
