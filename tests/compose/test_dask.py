"""The stack of docker-compose.dask.yml on a real engine: runs outlive lost workers and networks."""

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace

import machine
import numpy as np
import pytest
from octcluster import ClustererClient
from octcluster.model.results import Assignments
from octcluster.model.runs import EmbeddingSpace, Member, Preparation, RunSpec, RunStatus

from .conftest import Stack

pytestmark = pytest.mark.timeout(1800)

DIMENSION = 96
N_MEMBERS = 2 * 8192 + 100  # three blocks
SPACE = EmbeddingSpace(
    "made", "0" * 64, "1", "pooled", "float32", DIMENSION, hashlib.sha256(b"dask").digest()
)
PREPARATION = Preparation(pca=12, whiten=True, part_dimensions=(64, 32), normalize_prepared=True)
KEYS = [hashlib.sha256(b"%d" % number).digest() for number in range(N_MEMBERS)]


@pytest.fixture(scope="module")
def cluster(built: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack with three workers, and vectors in its Parquet files."""
    machine.need(machine.openssl(), "openssl", "install it")
    folder = tmp_path_factory.mktemp("dask") / "certificates"
    subprocess.run(
        ["scripts/certificates", str(folder)], cwd=machine.REPOSITORY, check=True, capture_output=True
    )
    stack = replace(
        built,
        environment={**built.environment, "OCTCLUSTER_CERTIFICATES": str(folder)},
        files=(*built.files, "docker-compose.dask.yml"),
    )
    stack.compose("build", "clusterer")  # under the name that all parts know
    stack.up("--scale", "dask-worker=3", "--scale", "embedder=0")
    random = np.random.default_rng(0)
    vectors = random.standard_normal((N_MEMBERS, DIMENSION), dtype=np.float32)
    vectors += 2 * random.standard_normal((4, DIMENSION), dtype=np.float32)[np.arange(N_MEMBERS) % 4]
    with ClustererClient(stack.clusterer) as client:
        report = client.put_vectors(
            SPACE, ((key, row.tobytes()) for key, row in zip(KEYS, vectors, strict=True))
        )
        assert (report.stored, report.rejected) == (N_MEMBERS, {})
    yield stack
    # Other files of tests know nothing of these, and their checks of health take processors.
    stack.compose("rm", "--stop", "--force", "dask-worker", "dask-scheduler")


def run(stack: Stack, on_status: Callable[[RunStatus], None] = lambda _: None) -> Assignments:
    spec = RunSpec(SPACE, PREPARATION, ("kmeans",), 4, 4)
    members = [Member(key, class_index=number % 4) for number, key in enumerate(KEYS)]
    with ClustererClient(stack.clusterer) as client:
        run_id = client.start_run(spec, members).run_id
        client.wait(run_id, on_status)
        (result,) = client.result(run_id).results
        assert result.scores.accuracy.value == 1
        return client.assignments(run_id, 0)


def test_a_killed_worker_and_a_cut_network_change_no_byte(cluster: Stack) -> None:
    expected = run(cluster)
    assert sorted(set(expected.clusters)) == [0, 1, 2, 3]
    victim, cut, _ = cluster.containers("dask-worker")
    disturbed: list[str] = []

    def disturb(status: RunStatus) -> None:
        if status.stage == "preparing" and not disturbed:
            disturbed.append(status.stage)
            cluster.docker("kill", "--signal", "KILL", victim)
            cluster.docker("network", "disconnect", "octcluster-test_dask", cut)

    found = run(cluster, disturb)
    assert disturbed, "the run was over before a worker could be killed"
    assert found == expected


def test_parts_of_the_cluster_reach_nobody_else_and_nobody_reaches_them(cluster: Stack) -> None:
    ask = "import socket; socket.create_connection(('redis', 6379), 5)"
    with pytest.raises(AssertionError, match="gaierror"):
        cluster.compose("exec", "-T", "--index", "3", "dask-worker", "python", "-c", ask)
    published = cluster.compose("ps", "--format", "json", "dask-scheduler", "dask-worker")
    assert '"PublishedPort":0' in published.replace(" ", "") or "PublishedPort" not in published
