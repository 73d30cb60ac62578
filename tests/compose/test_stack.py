"""The same job as on local servers, on the compose stack, from outside."""

import csv
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import machine
import pytest
from octcluster import ClustererClient, EmbedderClient, ServerUnavailable, image_key
from waiting import wait_until

from .conftest import PROJECT, Stack

pytestmark = pytest.mark.timeout(1800)  # the first test has the images built

OCTCLUSTER = str(Path(sys.executable).with_name("octcluster"))


# Neither has a say in the clusters; the run that is shared has both.
CLUSTERS_ALONE = ("--no-umap", "--stability", "0")


def run_images(images: Path, out: Path, *options: object) -> Path:
    """Runs the command, and returns the folder that it left."""
    command = [OCTCLUSTER, "run", str(images), "--out", str(out), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return out


def services_of(stack: Stack) -> tuple[str, ...]:
    return "--embedder", stack.embedder, "--clusterer", stack.clusterer


@pytest.fixture(scope="module")
def first_run(stack: Stack, few_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The main job on the stack, once: the folder that it left."""
    out = tmp_path_factory.mktemp("stack")
    return run_images(few_images, out, *services_of(stack), "--stability", "2")


def read_table(out: Path) -> list[dict[str, str]]:
    with (out / "assignments.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_gives_the_clusters_of_local_servers_and_their_bytes_with_the_same_blas_kernels(
    first_run: Path, few_images: Path, model_cache: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "models").symlink_to(model_cache)
    local = run_images(few_images, tmp_path / "local", "--cache-dir", cache, *CLUSTERS_ALONE)
    outs = (first_run, local)
    for one, other in zip(*map(read_table, outs), strict=True):
        silhouettes = float(one.pop("silhouette")), float(other.pop("silhouette"))
        assert silhouettes[0] == pytest.approx(silhouettes[1], abs=1e-5), one["image"]
        assert one == other
    scores = [json.loads((out / "scores.json").read_text())["results"] for out in outs]
    for (ours,), (theirs,) in [scores]:
        for name in ("silhouette", "accuracy", "ari", "ami", "purity"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-5), name
    kernels = {json.loads((out / "run.json").read_text())["blas_kernels"] for out in outs}
    assert "" not in kernels
    if len(kernels) == 1:
        one, other = ((out / "assignments.csv").read_bytes() for out in outs)
        assert one == other


def test_rides_out_a_restart_of_redis(stack: Stack, oct_images: Path, tmp_path: Path) -> None:
    # Features that are not cached yet, so that the restart falls into the middle of the embedding.
    command = [OCTCLUSTER, "run", str(oct_images), "--out", str(tmp_path / "out"), *services_of(stack)]
    command += ["--recipe", "plain-1", "--features", "flatten", "--pca", "16", *CLUSTERS_ALONE]
    command += ["--per-class", "60"]
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
    per_class = [len(list(folder.glob("*.jp*g"))) for folder in oct_images.iterdir() if folder.is_dir()]
    assert len(rows) == sum(min(60, number) for number in per_class)
    assert json.loads((tmp_path / "out/run.json").read_text())["counts"]["failed"] == 0


def test_vectors_outlive_the_containers(
    stack: Stack, first_run: Path, few_images: Path, tmp_path: Path
) -> None:
    stack.up("--force-recreate")
    again = run_images(few_images, tmp_path / "again", *services_of(stack), *CLUSTERS_ALONE)
    assert json.loads((again / "run.json").read_text())["counts"]["embedded"] == 0
    assert read_table(again) == read_table(first_run)


def test_a_backup_brings_vectors_and_runs_back(
    stack: Stack, first_run: Path, few_images: Path, tmp_path: Path
) -> None:
    """As docs/operations.md says."""
    tar = ("run", "--rm", "--no-deps", "-T", "--entrypoint", "tar", "redis", "-C", "/data")
    backup = tmp_path / "redis-data.tar"
    stack.compose("stop", "redis")
    with backup.open("wb") as file:
        stack.compose(*tar, "-c", ".", stdout=file)
    stack.compose("rm", "--force", "redis")
    stack.docker("volume", "rm", f"{PROJECT}_redis-data")
    with backup.open("rb") as file:
        stack.compose(*tar, "-x", stdin=file)
    stack.up("redis")

    run_id = json.loads((first_run / "run.json").read_text())["run_id"]
    keys = [image_key(path.read_bytes()) for path in sorted(few_images.rglob("*.jp*g"))[:8]]
    with ClustererClient(stack.clusterer) as clusterer:
        placed = clusterer.assign(run_id, clusterer.result(run_id).chosen, keys)
    assert list(placed.image_keys) == keys
    # The same vectors in other clusters, which are found sooner.
    sooner = ("--recipe", "plain-1", "--features", "blocks", "--flip", "--views", "plain,retina")
    again = run_images(few_images, tmp_path / "again", *services_of(stack), *sooner, *CLUSTERS_ALONE)
    counts = json.loads((again / "run.json").read_text())["counts"]
    assert counts["embedded"] == 0
    assert counts["cached"] > 0


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
            stack.up("redis")
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


def test_the_clusterer_may_touch_its_own_keys_alone(stack: Stack) -> None:
    assert "NOPERM" in ask_redis(stack, "set other:key 1")
    assert "NOPERM" in ask_redis(stack, "flushall")
    assert "NOPERM" in ask_redis(stack, "config get requirepass")
    assert "OK" in ask_redis(stack, "set octcluster:probe 1")
    assert "1" in ask_redis(stack, "del octcluster:probe")


def test_limits_fit_each_other_and_a_machine_with_8_gb(stack: Stack) -> None:
    limits = {
        service: stack.container(service)["HostConfig"] for service in ("redis", "clusterer", "embedder")
    }
    for host in limits.values():
        assert host["Memory"] > 0
        assert host["MemorySwap"] == host["Memory"]
        assert 0 < host["PidsLimit"] <= 2048
        assert host["CpuShares"] > 0
        assert "size=" in host["Tmpfs"]["/tmp"]
    assert sum(host["Memory"] for host in limits.values()) <= 7 * 2**30


def test_each_service_keeps_below_its_containers_memory(stack: Stack) -> None:
    settings = dict(line.split(":") for line in ask_redis(stack, "info memory").split() if ":" in line)
    assert settings["maxmemory_policy"] == "allkeys-lru"
    assert int(settings["maxmemory"]) == stack.container("redis")["HostConfig"]["Memory"] // 2
    tell = "from octcluster_clusterer.settings import Settings; print(int(Settings.load([]).memory_limit))"
    limit = int(stack.compose("exec", "-T", "clusterer", "python", "-c", tell))
    assert limit == pytest.approx(0.8 * stack.container("clusterer")["HostConfig"]["Memory"], abs=1)


def test_memory_and_processors_are_settings(stack: Stack) -> None:
    limits = subprocess.run(
        ["scripts/limits", "64g", "--processors", "0-7"],
        cwd=machine.REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    settings = dict(line.split("=") for line in limits.stdout.split())
    larger = replace(stack, environment={**stack.environment, **settings})
    services = json.loads(larger.compose("config", "--format", "json"))["services"]
    assert {service["cpuset"] for service in services.values()} == {"0-7"}
    memory = {name: int(service["mem_limit"]) for name, service in services.items()}
    assert memory == {"redis": 16 * 2**30, "clusterer": 24 * 2**30, "embedder": 16 * 2**30}
    assert all(int(service["memswap_limit"]) == memory[name] for name, service in services.items())


def ask_redis(stack: Stack, command: str) -> str:
    """What Redis answers the clusterer's user."""
    ask = f"REDISCLI_AUTH=$(cat /run/octcluster/redis-password) redis-cli --user clusterer {command}"
    return stack.compose("exec", "-T", "redis", "sh", "-c", ask)


def test_embedder_can_keep_other_models(stack: Stack) -> None:
    stack.compose("exec", "-T", "embedder", "touch", "/var/lib/octcluster/keras/models/probe")


def test_gpu_file_reserves_a_gpu(stack: Stack) -> None:
    merged = json.loads(stack.compose("-f", "docker-compose.gpu.yml", "config", "--format", "json"))
    embedder = merged["services"]["embedder"]
    assert embedder["build"]["args"]["REQUIREMENTS"] == "embedder-gpu"
    assert embedder["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
