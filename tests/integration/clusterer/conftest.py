"""A real clusterer process on a real store, and what tests put into it."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
import pytest
from dask_clusters import DaskParts, running_parts
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import ClustererServiceStub
from processes import Server, running_service
from stores import STORES, Store, started_store
from waiting import wait_until

DIMENSION = 32
SPACE = pb.VectorSpace(digest=b"\x07" * 32, data_type=pb.DATA_TYPE_FLOAT32, dimension=DIMENSION)
SERVICE = "octcluster.clusterer.v1.ClustererService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
ENDED = (pb.RUN_STATE_SUCCEEDED, pb.RUN_STATE_FAILED, pb.RUN_STATE_CANCELLED)


@dataclass
class Blobs:
    """Gaussian blobs far apart: vectors whose right clusters are known."""

    vectors: np.ndarray
    classes: np.ndarray
    keys: list[bytes] = field(default_factory=list)

    @classmethod
    def draw(cls, n_vectors: int, n_blobs: int = 4, seed: int = 0) -> "Blobs":
        rng = np.random.default_rng(seed)
        centres = rng.normal(scale=10, size=(n_blobs, DIMENSION))
        classes = np.arange(n_vectors) % n_blobs
        vectors = (centres[classes] + rng.normal(size=(n_vectors, DIMENSION))).astype("<f4")
        return cls(vectors, classes, [os.urandom(32) for _ in range(n_vectors)])

    def entries(self) -> list[pb.VectorEntry]:
        return [
            pb.VectorEntry(image_key=key, vector=row.tobytes())
            for key, row in zip(self.keys, self.vectors, strict=True)
        ]


class Clusterer:
    """The contract's methods, with less to write."""

    def __init__(self, address: str) -> None:
        options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100)]
        self.channel = grpc.insecure_channel(address, options=options)
        self.stub = ClustererServiceStub(self.channel)

    def find_missing(self, keys: Sequence[bytes], timeout: float = 20) -> list[bytes]:
        request = pb.FindMissingVectorsRequest(space=SPACE, image_keys=keys)
        return list(self.stub.FindMissingVectors(request, timeout=timeout).missing_image_keys)

    def put(self, entries: Sequence[pb.VectorEntry], chunk: int = 500) -> pb.PutVectorsResponse:
        requests = [
            pb.PutVectorsRequest(space=SPACE, entries=entries[i : i + chunk])
            for i in range(0, len(entries), chunk)
        ]
        return self.stub.PutVectors(iter(requests), timeout=20)

    def check(self, spec: pb.RunSpec, members: int) -> None:
        self.stub.CheckRun(pb.CheckRunRequest(spec=spec, members=members), timeout=20)

    def start(self, spec: pb.RunSpec, blobs: Blobs, chunk: int = 500) -> pb.RunStatus:
        requests = [pb.StartRunRequest(spec=spec, member_count=len(blobs.keys))]
        for i in range(0, len(blobs.keys), chunk):
            part = slice(i, i + chunk)
            members = pb.MemberChunk(image_keys=blobs.keys[part], class_indices=blobs.classes[part])
            requests.append(pb.StartRunRequest(members=members))
        return self.stub.StartRun(iter(requests), timeout=20).status

    def watch(self, run_id: str, timeout: float = 60) -> list[pb.RunStatus]:
        responses = self.stub.WatchRun(pb.WatchRunRequest(run_id=run_id), timeout=timeout)
        return [response.status for response in responses]

    def get(self, run_id: str) -> pb.GetRunResponse:
        return self.stub.GetRun(pb.GetRunRequest(run_id=run_id), timeout=20)

    def assignments(self, run_id: str, result_index: int = 0) -> list[pb.StreamAssignmentsResponse]:
        request = pb.StreamAssignmentsRequest(run_id=run_id, result_index=result_index)
        return list(self.stub.StreamAssignments(request, timeout=20))

    def assign(self, run_id: str, keys: Sequence[bytes], result_index: int = 0) -> pb.AssignResponse:
        request = pb.AssignRequest(run_id=run_id, result_index=result_index, image_keys=keys)
        whole = pb.AssignResponse()
        for response in self.stub.Assign(request, timeout=20):
            whole.MergeFrom(response)
        return whole

    def cancel(self, run_id: str) -> pb.RunStatus:
        return self.stub.CancelRun(pb.CancelRunRequest(run_id=run_id), timeout=20).status

    def list_services(self) -> set[str]:
        """Asks by gRPC reflection."""
        stub = reflection_pb2_grpc.ServerReflectionStub(self.channel)
        requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        (answer,) = stub.ServerReflectionInfo(requests, timeout=10)
        return {service.name for service in answer.list_services_response.service}

    def wait_for(self, run_id: str, *states: int, seconds: float = 20) -> pb.RunStatus:
        deadline = time.monotonic() + seconds
        while (status := self.get(run_id).status).state not in states:
            assert time.monotonic() < deadline, status
            time.sleep(0.02)
        return status


def new_spec(**changes: Any) -> pb.RunSpec:
    values: dict[str, Any] = {
        "run_id": os.urandom(16).hex(),
        "space": SPACE,
        "preparation": pb.Preparation(l2_normalize=True),
        "algorithms": [pb.ALGORITHM_KMEANS],
        "min_clusters": 4,
        "max_clusters": 4,
        "seed": 1,
    }
    return pb.RunSpec(**{**values, **changes})


def long_spec() -> pb.RunSpec:
    """A run of half a minute or so on a few thousand blobs: something to cancel."""
    return new_spec(algorithms=[pb.ALGORITHM_GMM, pb.ALGORITHM_KMEANS], min_clusters=2, max_clusters=90)


def wait_for_health(server: Server, status: int) -> None:
    with grpc.insecure_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=SERVICE)
        wait_until(lambda: stub.Check(request, timeout=20).status == status, seconds=60)


@pytest.fixture(scope="module", params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with started_store(request.param) as running:
        yield running


@pytest.fixture(scope="package")
def dask_store() -> Iterator[Store]:
    """What the Dask cluster reads from, and so the same for all files that use the cluster."""
    with started_store("valkey") as running:
        yield running


@pytest.fixture(scope="package")
def dask_parts(dask_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskParts]:
    """A Dask cluster, without workers at first: each part of it takes seconds to start."""
    with running_parts(tmp_path_factory.mktemp("dask"), dask_store.url) as running:
        yield running


@pytest.fixture(scope="module")
def clusterer(store: Store) -> Iterator[Clusterer]:
    with running_service("octcluster_clusterer", *store.settings, "--max-queued-runs", "2") as server:
        client = Clusterer(server.address)
        yield client
        client.channel.close()


@pytest.fixture(scope="module")
def blobs(clusterer: Clusterer) -> Blobs:
    drawn = Blobs.draw(1000)
    assert clusterer.put(drawn.entries()).stored == 1000
    return drawn
