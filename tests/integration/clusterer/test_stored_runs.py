"""Stored runs of other versions: gone for whoever asks, and never a failure of the server."""

from collections.abc import Callable, Iterator

import grpc
import numpy as np
import pytest
import redis
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from processes import Server, running_service
from stored_runs import DAMAGED, LIST_KEY, RECORD_KEY, RUN_ID, put_record, read_kept, unreadable_records
from stores import Store

from .conftest import Blobs, Clusterer, new_spec

KEYS = [bytes([index]) * 32 for index in range(8)]
SPACE = pb.VectorSpace(digest=b"\x07" * 32, data_type=pb.DATA_TYPE_FLOAT32, dimension=4)
KEPT_SPEC = pb.RunSpec(
    run_id=RUN_ID,
    space=SPACE,
    preparation=pb.Preparation(l2_normalize=True, pca_components=2),
    algorithms=[pb.ALGORITHM_KMEANS],
    min_clusters=2,
    max_clusters=2,
    seed=1,
)


@pytest.fixture(scope="module")
def server(store: Store) -> Iterator[Server]:
    with running_service("octcluster_clusterer", "--redis-url", store.url) as running:
        yield running


@pytest.fixture
def raw(store: Store) -> redis.Redis:
    client = redis.Redis.from_url(store.url)
    client.flushall()
    return client


@pytest.fixture
def client(server: Server, raw: redis.Redis) -> Iterator[Clusterer]:
    client = Clusterer(server.address)
    client.stub.DeleteRun(pb.DeleteRunRequest(run_id=RUN_ID), timeout=20)
    vectors = np.eye(8, 4, dtype="<f4") + 1
    entries = [
        pb.VectorEntry(image_key=key, vector=row.tobytes()) for key, row in zip(KEYS, vectors, strict=True)
    ]
    client.stub.PutVectors(iter([pb.PutVectorsRequest(space=SPACE, entries=entries)]), timeout=20)
    yield client
    client.channel.close()


def start_kept(client: Clusterer) -> pb.RunStatus:
    members = pb.MemberChunk(image_keys=KEYS, class_indices=[0] * 4 + [1] * 4)
    first = pb.StartRunRequest(spec=KEPT_SPEC, member_count=len(KEYS))
    requests = [first, pb.StartRunRequest(members=members)]
    return client.stub.StartRun(iter(requests), timeout=20).status


def is_not_found(call: Callable[[], object]) -> bool:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return bool(caught.value.code() == grpc.StatusCode.NOT_FOUND)


def list_ids(client: Clusterer) -> list[str]:
    return [run.run_id for run in client.stub.ListRuns(pb.ListRunsRequest(), timeout=20).runs]


def test_a_run_of_this_format_is_found_again(client: Clusterer, raw: redis.Redis) -> None:
    put_record(raw, read_kept("format_1"))
    assert client.get(RUN_ID).result.results[0].scores.accuracy.value == 1
    assert len(client.assign(RUN_ID, KEYS).clusters) == 8
    assert start_kept(client).state == pb.RUN_STATE_SUCCEEDED
    assert list_ids(client) == [RUN_ID]


@pytest.mark.parametrize("fault", unreadable_records())
def test_a_run_that_cannot_be_read_is_gone(
    client: Clusterer, raw: redis.Redis, server: Server, fault: str
) -> None:
    other = Blobs.draw(40)
    client.put(other.entries())
    spec = new_spec()
    client.start(spec, other)
    assert client.watch(spec.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED
    put_record(raw, unreadable_records()[fault])

    assert is_not_found(lambda: client.get(RUN_ID))
    assert is_not_found(lambda: client.assign(RUN_ID, KEYS))
    assert is_not_found(lambda: client.assignments(RUN_ID))
    assert is_not_found(lambda: client.cancel(RUN_ID))
    assert is_not_found(lambda: client.watch(RUN_ID))
    assert spec.run_id in list_ids(client)
    assert (RUN_ID in list_ids(client)) == (fault in DAMAGED)

    assert start_kept(client).state == pb.RUN_STATE_QUEUED
    assert client.watch(RUN_ID)[-1].state == pb.RUN_STATE_SUCCEEDED
    assert client.get(RUN_ID).result.results

    put_record(raw, unreadable_records()[fault])
    client.stub.DeleteRun(pb.DeleteRunRequest(run_id=RUN_ID), timeout=20)
    assert not raw.exists(RECORD_KEY)
    assert RUN_ID not in list_ids(client)
    assert "INTERNAL" not in server.log
    assert "Traceback" not in server.log
    assert f"run {RUN_ID}: passed over" in server.log


def test_an_id_that_is_none_hides_no_run_and_is_not_logged(
    client: Clusterer, raw: redis.Redis, server: Server
) -> None:
    put_record(raw, read_kept("format_1"))
    raw.zadd(LIST_KEY, {b"\xff\xfe": 1, b"secret-name": 2})
    assert RUN_ID in list_ids(client)
    with pytest.raises(grpc.RpcError, match="run_id must be"):
        client.get("secret-name")
    assert "secret" not in server.log
