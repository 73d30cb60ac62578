"""The stack of docker-compose.hospital.yml: a PACS gets a volume, and the gateway groups its eye."""

import base64
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import machine
import pytest
from dicom_files import make_frames, write_opt
from octcluster.images.phantoms import write_phantoms
from processes import free_port
from waiting import wait_until

from .conftest import PROJECT, Stack

pytestmark = pytest.mark.timeout(1800)

OCTCLUSTER = str(Path(sys.executable).with_name("octcluster"))
CANARY = "MUELLER^ERIKA"
FILES = ("docker-compose.tls.yml", "docker-compose.hospital.yml", "tests/compose/override.hospital.yml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hospital")


@pytest.fixture(scope="module")
def hospital(built: Stack, folder: Path) -> Iterator[tuple[Stack, int]]:
    """The stack with TLS, a PACS and the gateway, and the port of the PACS; the run is one of phantoms."""
    machine.need(machine.openssl(), "openssl", "install it")
    subprocess.run(
        ["scripts/certificates", str(folder / "certificates")],
        cwd=machine.REPOSITORY,
        check=True,
        capture_output=True,
    )
    write_phantoms(folder / "phantoms", images_per_class=6, seed=0)
    run = [OCTCLUSTER, "run", str(folder / "phantoms"), "--out", str(folder / "run"), "--no-umap"]
    run += ["--stability", "0", "--cache-dir", str(folder / "cache"), "--quiet"]
    subprocess.run(run, check=True, timeout=600)
    (folder / "model.npz").write_bytes((folder / "run" / "model.npz").read_bytes())
    (folder / "model.npz").chmod(0o644)
    port = free_port()
    environment = {
        **built.environment,
        "OCTCLUSTER_CERTIFICATES": str(folder / "certificates"),
        "OCTCLUSTER_MODEL": str(folder / "model.npz"),
        "OCTCLUSTER_PACS_PORT": str(port),
    }
    stack = replace(built, environment=environment, files=(*built.files, *FILES))
    stack.compose("build", "gateway", "pacs")
    remove_volumes(stack)  # those of an interrupted run
    try:
        stack.up("--scale", "embedder=1")
        yield stack, port
    finally:
        remove_volumes(stack)


def remove_volumes(stack: Stack) -> None:
    """Removes the containers that other stacks do not have, and their volumes."""
    stack.compose("rm", "--stop", "--force", "gateway", "pacs")
    names = ("gateway-spool", "gateway-results", "gateway-audit", "gateway-keys", "pacs-data")
    stack.docker("volume", "rm", "--force", *(f"{PROJECT}_{name}" for name in names))


def ask_pacs(port: int, path: str, body: bytes | None = None) -> object:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body)
    request.add_header("Authorization", "Basic " + base64.b64encode(b"trial:trial").decode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def read_results(stack: Stack) -> list[dict[str, object]]:
    file = "/var/lib/octcluster/results/eyes.jsonl"
    lines = stack.compose("exec", "-T", "gateway", "sh", "-c", f"cat {file} 2>/dev/null || true")
    return [json.loads(line) for line in lines.splitlines()]


def test_a_volume_in_the_pacs_becomes_a_result_without_a_name(
    hospital: tuple[Stack, int], folder: Path
) -> None:
    stack, port = hospital
    volume = write_opt(
        folder / "volume.dcm",
        make_frames(3),
        changes={0x00100010: ("PN", CANARY), 0x00100020: ("LO", "77-1950")},
    )
    ask_pacs(port, "/instances", volume.read_bytes())

    try:
        wait_until(lambda: bool(read_results(stack)), 120)
    except AssertionError as fault:
        fault.add_note(stack.describe_containers())
        raise
    (result,) = read_results(stack)
    assert result["eye"] in ("OD", "OS")
    assert result["scans"] == 3
    assert result["use"] == "research use only"
    assert "77-1950" not in json.dumps(result)
    logs = "".join(
        stack.docker("logs", container)
        for service in ("gateway", "embedder", "clusterer", "redis")
        for container in stack.containers(service)
    )
    assert "MUELLER" not in logs
    assert "77-1950" not in logs


def test_new_containers_go_on_with_the_volumes(hospital: tuple[Stack, int]) -> None:
    stack, _ = hospital
    before = read_results(stack)
    stack.compose("rm", "--stop", "--force", "gateway")
    stack.up("gateway")
    assert read_results(stack) == before
    told = json.loads(stack.compose("exec", "-T", "gateway", "octcluster-gateway", "status"))
    assert told["objects"]["done"] == len(before)


def test_lost_keys_are_told_and_not_made_anew(hospital: tuple[Stack, int]) -> None:
    stack, _ = hospital
    stack.compose("exec", "-T", "gateway", "rm", "/run/octcluster/site-secret")
    stack.compose("stop", "gateway")
    command = ("run", "--rm", "-T", "--no-deps", "gateway", "serve")
    with pytest.raises(AssertionError, match="put back the backup of that volume"):
        stack.compose(*command)
