"""Both clusterer clients against a real clusterer on a real store."""

import os
import struct
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from known import known
from octcluster import (
    AsyncClustererClient,
    ClustererClient,
    EmbeddingSpace,
    Interval,
    Member,
    NotReady,
    Preparation,
    RequestRefused,
    RunCancelled,
    RunFailed,
    RunNotFound,
    RunSpec,
    RunState,
    RunStatus,
    ServerUnavailable,
)
from octcluster.model.runs import ALGORITHMS
from processes import Server, free_port, running_service
from stores import Store, started_store

DIMENSION = 16
Vectors = list[tuple[bytes, bytes]]


@pytest.fixture
def space() -> EmbeddingSpace:
    """A space of its own for each test."""
    return EmbeddingSpace("net", "00" * 32, "1", "pooled", "float32", DIMENSION, os.urandom(32))


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    """Keys and vectors of three groups that lie far apart."""
    draw = np.random.default_rng(0)
    centres = 20 * np.eye(3, DIMENSION)
    return [
        (os.urandom(32), (centres[index % 3] + draw.normal(size=DIMENSION)).astype("<f4").tobytes())
        for index in range(600)
    ]


def members_of(vectors: Vectors) -> list[Member]:
    return [
        Member(key, class_index=index % 3, patient_index=index // 3) for index, (key, _) in enumerate(vectors)
    ]


def spec_of(space: EmbeddingSpace, **changes: Any) -> RunSpec:
    return replace(RunSpec(space, Preparation(), ("kmeans",), 2, 4, seed=1), **changes)


def test_a_run_from_vectors_to_assignments(
    clusterer: Server, space: EmbeddingSpace, vectors: Vectors
) -> None:
    keys = [key for key, _ in vectors]
    with ClustererClient(clusterer.address) as client:
        assert {algorithm.name for algorithm in client.info().algorithms} == set(ALGORITHMS)
        assert client.info().count_finders == {"hdbscan"}
        assert client.find_missing(space, keys) == keys
        report = client.put_vectors(space, iter(vectors))
        assert (report.stored, report.rejected) == (600, {})
        assert client.find_missing(space, [*keys, b"x" * 32]) == [b"x" * 32]

        started = client.start_run(spec_of(space), iter(members_of(vectors)))
        states: list[RunStatus] = []
        status = client.wait(started.run_id, states.append)
        assert status.state is RunState.SUCCEEDED
        assert status == states[-1]
        result = client.result(started.run_id)
        assert [one.requested_clusters for one in result.results] == [2, 3, 4]
        assert result.chosen == 1
        assert result.results[1].scores.accuracy.value == 1.0
        assignments = client.assignments(started.run_id, result.chosen)
        assert list(assignments.image_keys) == keys
        pairs = set(zip(assignments.clusters, [i % 3 for i in range(600)], strict=True))
        assert sorted(pairs) == sorted(result.results[1].class_of_cluster.items())
        assert [len(one.class_of_cluster) for one in result.results] == [2, 3, 3]

        assert client.get_vectors(space, [b"x" * 32, *keys]) == dict(vectors)
        chosen = list(assignments.clusters)
        assigned = client.assign(started.run_id, result.chosen, [*keys[:9], b"x" * 32, *keys[9:]])
        assert (list(assigned.image_keys), list(assigned.clusters)) == (keys, chosen)
        assert assigned.fitted_agreement == 1.0
        assert len(assigned.distances) == len(assigned.margins) == len(assigned.outliers) == 600

        assert started.run_id in {run.run_id for run in client.list_runs()}
        client.delete(started.run_id)
        with pytest.raises(RunNotFound, match="start it again"):
            client.status(started.run_id)
        with pytest.raises(RunNotFound):
            client.assign(started.run_id, 0, keys)

        assert client.delete_vectors([*keys[:5], b"x" * 32]) >= 5  # other tests' spaces have them, too
        assert client.find_missing(space, keys) == keys[:5]


async def test_the_same_with_asyncio(clusterer: Server, space: EmbeddingSpace, vectors: Vectors) -> None:
    async def source() -> AsyncIterator[tuple[bytes, bytes]]:
        for pair in vectors:
            yield pair

    keys = [key for key, _ in vectors]
    async with AsyncClustererClient(clusterer.address) as client:
        assert (await client.info()).count_finders == {"hdbscan"}
        assert await client.find_missing(space, keys) == keys
        assert (await client.put_vectors(space, source())).stored == 600
        started = await client.start_run(spec_of(space), members_of(vectors))
        assert (await client.wait(started.run_id)).state is RunState.SUCCEEDED
        result = await client.result(started.run_id)
        assignments = await client.assignments(started.run_id, result.chosen)
        assert list(assignments.image_keys) == keys
        assert await client.get_vectors(space, keys[:7]) == dict(vectors[:7])
        assigned = await client.assign(started.run_id, result.chosen, keys)
        assert list(assigned.clusters) == list(assignments.clusters)
        assert (await client.status(started.run_id)).state is RunState.SUCCEEDED
        assert started.run_id in {run.run_id for run in await client.list_runs()}
        assert (await client.cancel(started.run_id)).state is RunState.SUCCEEDED
        await client.delete(started.run_id)
        with pytest.raises(RunNotFound):
            await client.result(started.run_id)
        assert await client.delete_vectors(keys[:5]) >= 5
        assert await client.find_missing(space, keys) == keys[:5]


def test_requests_are_cut_to_the_servers_limits(
    store: Store, space: EmbeddingSpace, vectors: Vectors
) -> None:
    with (
        running_service(
            "octcluster_clusterer", "--redis-url", store.url, "--max-keys-per-message", "50"
        ) as server,
        ClustererClient(server.address) as client,
    ):
        assert client.put_vectors(space, vectors).stored == 600
        assert client.find_missing(space, [key for key, _ in vectors]) == []
        started = client.start_run(spec_of(space), members_of(vectors))
        assert client.wait(started.run_id).members == 600
        keys = [key for key, _ in vectors]
        assert client.get_vectors(space, keys) == dict(vectors)
        assert list(client.assign(started.run_id, 0, keys).image_keys) == keys
        assert client.delete_vectors(keys) >= 600
        assert client.find_missing(space, keys) == keys


def test_trust_comes_with_the_result(clusterer: Server, space: EmbeddingSpace, vectors: Vectors) -> None:
    with ClustererClient(clusterer.address) as client:
        client.put_vectors(space, vectors)
        members = [
            replace(member, numbers={"width": float(index % 3), "noise": float(index % 7)})
            for index, member in enumerate(members_of(vectors))
        ]
        started = client.start_run(
            spec_of(space, min_clusters=3, max_clusters=3, stability_resamples=4), members
        )
        client.wait(started.run_id)
        found = client.result(started.run_id)
    (result,) = found.results
    assert result.scores.accuracy.interval == Interval(1.0, 1.0)
    assert known(result.stability).resamples == 4
    assert known(result.stability).overall.value == 1.0
    assert [score.value for score in known(result.stability).clusters] == [1.0, 1.0, 1.0]
    measured = {one.name: one.adjusted_mutual_information.value for one in result.associations}
    assert measured["class"] == measured["width"] == 1.0
    assert abs(known(measured["noise"])) < 0.1
    assert len(found.duplicates.pairs) == min(1000, found.duplicates.total_pairs)
    assert found.space_digest == space.digest


@pytest.mark.parametrize(
    ("changes", "members", "reason"),
    [
        ({"max_clusters": 41}, 40, "41 clusters"),
        ({"stability_resamples": 101}, 40, "stability"),
        ({"algorithms": ("agglomerative",)}, 1_000_000, "takes at most 131072 of them"),
        ({"algorithms": ("agglomerative",)}, 130_000, "--memory-limit"),
        ({}, 2_000_001, "more than 2000000 members"),
    ],
)
async def test_a_run_can_be_checked_before_it_has_vectors(
    clusterer: Server, space: EmbeddingSpace, changes: dict[str, Any], members: int, reason: str
) -> None:
    with ClustererClient(clusterer.address) as client:
        before = len(client.list_runs())
        client.check_run(spec_of(space), 40)
        with pytest.raises(RequestRefused, match=reason):
            client.check_run(spec_of(space, **changes), members)
        assert len(client.list_runs()) == before
    async with AsyncClustererClient(clusterer.address) as twin:
        await twin.check_run(spec_of(space), 40)
        with pytest.raises(RequestRefused, match=reason):
            await twin.check_run(spec_of(space, **changes), members)


def test_bad_vectors_are_reported(clusterer: Server, space: EmbeddingSpace) -> None:
    nan = struct.pack(f"<{DIMENSION}f", *[float("nan")] * DIMENSION)
    with ClustererClient(clusterer.address) as client:
        report = client.put_vectors(space, [(b"a" * 32, nan), (b"b" * 32, bytes(4 * DIMENSION))])
        assert report.stored == 1
        assert list(report.rejected) == [b"a" * 32]


def test_a_run_without_vectors_fails_with_its_code(
    clusterer: Server, space: EmbeddingSpace, vectors: Vectors
) -> None:
    with ClustererClient(clusterer.address) as client:
        started = client.start_run(spec_of(space), members_of(vectors))
        with pytest.raises(RunFailed) as failure:
            client.wait(started.run_id)
        assert failure.value.code == "vectors_missing"
        with pytest.raises(RunFailed):
            client.result(started.run_id)


def test_starting_twice_starts_once(clusterer: Server, space: EmbeddingSpace, vectors: Vectors) -> None:
    with ClustererClient(clusterer.address) as client:
        client.put_vectors(space, vectors)
        spec = spec_of(space, run_id=os.urandom(16).hex())
        client.start_run(spec, members_of(vectors))
        client.start_run(spec, members_of(vectors))
        assert [run.run_id for run in client.list_runs()].count(spec.run_id) == 1
        with pytest.raises(RequestRefused):
            client.start_run(spec, members_of(vectors)[:10])


def test_a_cancelled_run_is_told(clusterer: Server, space: EmbeddingSpace, vectors: Vectors) -> None:
    with ClustererClient(clusterer.address) as client:
        client.put_vectors(space, vectors)
        long = spec_of(space, algorithms=("spectral", "gmm", "agglomerative"), max_clusters=60)
        started = client.start_run(long, members_of(vectors))
        with pytest.raises(NotReady, match="watch it"):
            client.result(started.run_id)
        client.cancel(started.run_id)
        with pytest.raises(RunCancelled):
            client.wait(started.run_id)


def test_a_store_that_is_away_is_ridden_out(space: EmbeddingSpace, vectors: Vectors) -> None:
    waits: list[str] = []
    with (
        started_store("valkey") as store,
        running_service("octcluster_clusterer", "--redis-url", store.url) as server,
    ):

        def start_store(text: str) -> None:
            waits.append(text)
            if len(waits) == 4:
                store.start()

        with ClustererClient(server.address, retry_seconds=60, on_wait=start_store) as client:
            assert client.put_vectors(space, vectors).stored == 600
            store.stop()
            assert len(client.find_missing(space, [key for key, _ in vectors])) == 600
        assert len(waits) >= 4
        assert all("clusterer at" in text for text in waits)


def test_a_clusterer_that_is_away_is_told_in_time(space: EmbeddingSpace) -> None:
    address = f"127.0.0.1:{free_port()}"
    began = time.monotonic()
    client = ClustererClient(address, retry_seconds=1)
    with client, pytest.raises(ServerUnavailable, match=f"clusterer at {address}"):
        list(client.watch("0" * 32))
    assert time.monotonic() - began < 10


async def test_async_watch_of_a_clusterer_that_is_away_is_told_in_time() -> None:
    async with AsyncClustererClient(f"127.0.0.1:{free_port()}", retry_seconds=1) as client:
        with pytest.raises(ServerUnavailable):
            await client.wait("0" * 32)
