"""Three embedders behind one client, on a real engine."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from octcluster import ClustererClient, EmbedderClient, Embedding, EmbedFailure, image_key
from processes import free_ports
from waiting import wait_until

from .conftest import Stack

pytestmark = pytest.mark.timeout(1800)  # the first test has the images built

OCTCLUSTER = str(Path(sys.executable).with_name("octcluster"))


@pytest.fixture(scope="module")
def three_embedders(built: Stack) -> Stack:
    """The stack as it is asked for three embedders, all in its address, each on a port of its own."""
    ports = free_ports(3)
    environment = {**built.environment, "OCTCLUSTER_EMBEDDER_PORT": f"{ports[0]}-{ports[-1]}"}
    addresses = ",".join(f"127.0.0.1:{port}" for port in ports)
    return replace(built, embedder=addresses, environment=environment)


@pytest.fixture
def scaled(three_embedders: Stack) -> Stack:
    """The stack with three embedders that serve: one that a test has killed is started again."""
    three_embedders.up("--scale", "embedder=3")
    return three_embedders


def test_scaled_embedders_share_the_load_and_outlive_one_of_them(
    scaled: Stack, oct_images: Path, tmp_path: Path
) -> None:
    paths = sorted(oct_images.rglob("*.jp*g"))
    embedders = scaled.containers("embedder")
    assert len(embedders) == 3
    command = [OCTCLUSTER, "run", str(oct_images), "--out", str(tmp_path / "out")]
    # Vectors that no other test has put into the cache.
    command += [
        "--recipe",
        "plain-1",
        "--features",
        "pooled",
        "--flip",
        "--embedder",
        scaled.embedder,
        "--clusterer",
        scaled.clusterer,
        "--no-umap",
        "--stability",
        "0",
    ]
    log = tmp_path / "log.txt"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            wait_until(lambda: all(map(scaled.embedded_by, embedders)), 120)
            scaled.docker("kill", embedders[0])
            assert process.poll() is None, f"the run was over before the kill: {log.read_text()}"
            assert process.wait(timeout=400) == 0, log.read_text()
        finally:
            process.kill()

    with (tmp_path / "out/assignments.csv").open(newline="") as file:
        rows = [row["image"] for row in csv.DictReader(file)]
    assert rows == sorted(path.relative_to(oct_images).as_posix() for path in paths)
    keys = {image_key(path.read_bytes()) for path in paths}
    counts = json.loads((tmp_path / "out/run.json").read_text())["counts"]
    assert (counts["embedded"], counts["cached"], counts["failed"]) == (len(keys), 0, 0)
    with EmbedderClient(scaled.embedder) as embedder, ClustererClient(scaled.clusterer) as clusterer:
        space = embedder.space("pooled", flip=True)
        assert clusterer.find_missing(space, sorted(keys)) == []
    assert sum(scaled.embedded_by(container) for container in embedders) >= len(keys)


def test_scaled_embedders_answer_each_image_once_with_the_same_vector(
    scaled: Stack, oct_images: Path
) -> None:
    images = [path.read_bytes() for path in sorted(oct_images.rglob("*.jp*g"))[::2]]
    victim = scaled.containers("embedder")[1]
    with EmbedderClient(scaled.embedder) as client:
        alone = client.embed(images[:16])
        got: dict[int, Embedding | EmbedFailure] = {}
        for number, result in client.embed_stream(enumerate(images)):
            assert number not in got
            got[number] = result
            if len(got) == 64:
                scaled.docker("kill", victim)
    assert len(got) == len(images)
    assert all(isinstance(result, Embedding) for result in got.values())
    assert [got[number] for number in range(16)] == alone
