"""The same job as on local servers, on the compose stack, from outside."""

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from octcluster import ClustererClient, EmbedderClient, ServerUnavailable
from waiting import wait_until

from .conftest import Stack

pytestmark = pytest.mark.timeout(1800)  # the first test has the images built

OCTCLUSTER = str(Path(sys.executable).with_name("octcluster"))


def run_on(stack: Stack | None, images: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [OCTCLUSTER, "run", str(images), "--out", str(out), *options]
    if stack is not None:
        command += ["--embedder", stack.embedder, "--clusterer", stack.clusterer]
    return subprocess.run(command, capture_output=True, text=True, timeout=500)


def read_table(out: Path) -> list[dict[str, str]]:
    with (out / "assignments.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_gives_the_clusters_of_local_servers_and_their_bytes_with_the_same_blas_kernels(
    stack: Stack, oct_images: Path, tmp_path: Path
) -> None:
    outs = [tmp_path / "stack", tmp_path / "local"]
    for out, services in zip(outs, (stack, None), strict=True):
        options = [] if services else ["--cache-dir", str(tmp_path / "cache")]
        done = run_on(services, oct_images, out, *options)
        assert done.returncode == 0, done.stderr
    for one, other in zip(*map(read_table, outs), strict=True):
        silhouettes = float(one.pop("silhouette")), float(other.pop("silhouette"))
        assert silhouettes[0] == pytest.approx(silhouettes[1], abs=1e-5), one["image"]
        assert one == other
    kernels = {json.loads((out / "run.json").read_text())["blas_kernels"] for out in outs}
    assert "" not in kernels
    if len(kernels) == 1:
        one, other = ((out / "assignments.csv").read_bytes() for out in outs)
        assert one == other


def test_rides_out_a_restart_of_redis(stack: Stack, oct_images: Path, tmp_path: Path) -> None:
    # Features that are not cached yet, so that the restart falls into the middle of the embedding.
    command = [
        OCTCLUSTER,
        "run",
        str(oct_images),
        "--out",
        str(tmp_path / "out"),
        "--recipe",
        "plain-1",
        "--features",
        "flatten",
        "--pca",
        "16",
        "--embedder",
        stack.embedder,
        "--clusterer",
        stack.clusterer,
    ]
    log = tmp_path / "log.txt"
    (embedder,) = stack.containers("embedder")
    before = stack.embedded_by(embedder)
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            wait_until(lambda: stack.embedded_by(embedder) > before, 120)
            assert process.poll() is None, log.read_text()
            stack.compose("restart", "redis")
            assert process.wait(timeout=500) == 0, log.read_text()
        finally:
            process.kill()
    with (tmp_path / "out/assignments.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(list(oct_images.rglob("*.jpeg")))
    assert json.loads((tmp_path / "out/run.json").read_text())["counts"]["failed"] == 0


def test_vectors_outlive_the_containers(stack: Stack, oct_images: Path, tmp_path: Path) -> None:
    assert run_on(stack, oct_images, tmp_path / "before").returncode == 0
    stack.compose("up", "--wait", "--force-recreate", "--wait-timeout", "300")
    assert run_on(stack, oct_images, tmp_path / "after").returncode == 0
    assert json.loads((tmp_path / "after/run.json").read_text())["counts"]["embedded"] == 0


def test_says_unavailable_in_time_while_redis_is_away(stack: Stack) -> None:
    with EmbedderClient(stack.embedder) as embedder:
        space = embedder.space("pooled")
    with ClustererClient(stack.clusterer, retry_seconds=0) as clusterer:
        stack.compose("stop", "redis")  # its name is gone, too
        try:
            started = time.monotonic()
            with pytest.raises(ServerUnavailable):
                clusterer.find_missing(space, [bytes(32)])
            assert time.monotonic() - started < 20
        finally:
            stack.compose("up", "--wait", "--wait-timeout", "300", "redis")
        assert clusterer.find_missing(space, [bytes(32)]) == [bytes(32)]


@pytest.mark.parametrize("service", ["redis", "clusterer", "embedder"])
def test_container_is_hardened(stack: Stack, service: str) -> None:
    container = stack.container(service)
    assert container["HostConfig"]["ReadonlyRootfs"]
    assert container["HostConfig"]["CapDrop"] == ["ALL"]
    # A test before has taken Redis away from the clusterer, whose next check comes within seconds.
    wait_until(lambda: stack.container(service)["State"]["Health"]["Status"] == "healthy", 60)
    assert stack.compose("exec", "-T", service, "id", "-u").strip() != "0"


def test_only_client_facing_ports_are_published(stack: Stack) -> None:
    assert not [
        binding for binding in stack.container("redis")["NetworkSettings"]["Ports"].values() if binding
    ]
    for service in ("embedder", "clusterer"):
        bindings = [
            b for group in stack.container(service)["NetworkSettings"]["Ports"].values() for b in group or []
        ]
        assert len(bindings) == 1
        assert bindings[0]["HostIp"] == "127.0.0.1"


def test_redis_wants_its_password(stack: Stack) -> None:
    answer = stack.compose("exec", "-T", "redis", "redis-cli", "ping")
    assert "NOAUTH" in answer


def test_redis_is_bounded(stack: Stack) -> None:
    ask = "REDISCLI_AUTH=$(cat /run/octcluster/redis-password) redis-cli config get 'maxmemory*'"
    settings = stack.compose("exec", "-T", "redis", "sh", "-c", ask).split()
    assert int(settings[settings.index("maxmemory") + 1]) > 0
    assert settings[settings.index("maxmemory-policy") + 1] == "allkeys-lru"


def test_embedder_can_keep_other_models(stack: Stack) -> None:
    stack.compose("exec", "-T", "embedder", "touch", "/var/lib/octcluster/keras/models/probe")


def test_gpu_file_reserves_a_gpu(stack: Stack) -> None:
    merged = json.loads(stack.compose("-f", "docker-compose.gpu.yml", "config", "--format", "json"))
    embedder = merged["services"]["embedder"]
    assert embedder["build"]["args"]["REQUIREMENTS"] == "embedder-gpu"
    assert embedder["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
