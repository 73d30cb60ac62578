"""What holds between two servers: equal bytes with equal BLAS kernels, equal clusters with any two."""

import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack

import machine
import numpy as np
import pytest
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from processes import running_service
from stores import started_store

from .conftest import DIMENSION, Blobs, Clusterer, new_spec

# Any x86 processor of the last twelve years has both; the last one is started to repeat the first.
KERNELS = ("Haswell", "Sandybridge", "Haswell")
DEFAULT_RECIPE = pb.Preparation(
    pca_components=8, whiten=True, part_dimensions=[16, 16], normalize_prepared=True, l2_normalize=True
)


@pytest.fixture(scope="module")
def clusterers() -> Iterator[list[Clusterer]]:
    """One server for each of KERNELS, on one store."""
    machine.need(platform.machine() == "x86_64", "an x86 processor", "none: these kernels are for x86")
    with ExitStack() as stack:
        store = stack.enter_context(started_store("valkey"))
        servers = [
            stack.enter_context(
                running_service(
                    "octcluster_clusterer",
                    "--redis-url",
                    store.url,
                    environment={"OPENBLAS_CORETYPE": kernel},
                )
            )
            for kernel in KERNELS
        ]
        clients = [Clusterer(server.address) for server in servers]
        for client in clients:
            stack.callback(client.channel.close)
        yield clients


@pytest.fixture(scope="module")
def blobs() -> Blobs:
    """Blobs that overlap, so that many members lie near a border."""
    drawn = Blobs.draw(100)
    rng = np.random.default_rng(2)
    centres = rng.normal(scale=1.2, size=(4, DIMENSION))
    drawn.vectors = (centres[drawn.classes] + rng.normal(size=(100, DIMENSION))).astype("<f4")
    return drawn


def test_the_server_names_its_kernels(clusterers: list[Clusterer]) -> None:
    first, other, again = (
        client.stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=10).blas_kernels for client in clusterers
    )
    assert first == again
    assert first.replace("Haswell", "Sandybridge") == other != first


def list_scores(result: pb.ClusteringResult) -> list[float]:
    values: list[float] = [getattr(result.scores, field.name).value for field in pb.Scores.DESCRIPTOR.fields]
    return values


@pytest.mark.parametrize("preparation", [pb.Preparation(pca_variance=0.9), DEFAULT_RECIPE])
def test_clusters_hold_between_kernels_and_bytes_within_one(
    clusterers: list[Clusterer], blobs: Blobs, preparation: pb.Preparation
) -> None:
    clusterers[0].put(blobs.entries())
    algorithms = sorted(set(pb.Algorithm.values()) - {pb.ALGORITHM_UNSPECIFIED})
    found, scores = [], []
    for client in clusterers:
        spec = new_spec(preparation=preparation, algorithms=algorithms, run_id=os.urandom(16).hex())
        client.start(spec, blobs)
        client.wait_for(spec.run_id, pb.RUN_STATE_SUCCEEDED, seconds=120)
        found.append([client.assignments(spec.run_id, index) for index in range(len(algorithms))])
        scores.append([list_scores(result) for result in client.get(spec.run_id).result.results])
    first, other, again = found
    assert first == again
    assert first != other
    assert scores[0] == scores[2]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-5, atol=1e-5)
    for algorithm, one, two in zip(algorithms, first, other, strict=True):
        for column in ("clusters", "silhouettes", "distances"):
            ours, theirs = (
                np.concatenate([getattr(chunk, column) for chunk in chunks]) for chunks in (one, two)
            )
            np.testing.assert_allclose(
                ours, theirs, rtol=1e-5, atol=1e-5, err_msg=f"{pb.Algorithm.Name(algorithm)} {column}"
            )
