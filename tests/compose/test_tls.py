"""The stack of docker-compose.tls.yml, with certificates of scripts/certificates, from outside."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import machine
import pytest
from octcluster import AccessDenied, ClustererClient, EmbedderClient, RunNotFound, Tls
from octcluster.images.phantoms import write_phantoms

from .conftest import Stack

pytestmark = pytest.mark.timeout(1800)

OCTCLUSTER = str(Path(sys.executable).with_name("octcluster"))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the script has filled: an authority, the servers, and two clients."""
    machine.need(machine.openssl(), "openssl", "install it")
    folder = tmp_path_factory.mktemp("tls") / "certificates"
    for names in ("clinic", "clinic,study"):
        command = ["scripts/certificates", "--names", names, str(folder), "gpu-box"]
        subprocess.run(command, cwd=machine.REPOSITORY, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def secured(built: Stack, certificates: Path) -> Stack:
    """The stack with TLS."""
    environment = {**built.environment, "OCTCLUSTER_CERTIFICATES": str(certificates)}
    with_tls = replace(built, environment=environment, files=(*built.files, "docker-compose.tls.yml"))
    with_tls.up("--scale", "embedder=1")
    return with_tls


def tls_of(certificates: Path, name: str) -> Tls:
    return Tls(certificates / "authority.pem", certificates / f"{name}.pem", certificates / f"{name}.key")


def test_a_run_is_done_with_a_certificate_and_is_its_owners_alone(
    secured: Stack, certificates: Path, tmp_path: Path
) -> None:
    write_phantoms(tmp_path / "phantoms", images_per_class=4, seed=0)
    command = [OCTCLUSTER, "run", str(tmp_path / "phantoms"), "--out", str(tmp_path / "out"), "--no-umap"]
    command += ["--stability", "0", "--recipe", "plain-1"]
    for service, address in (("embedder", secured.embedder), ("clusterer", secured.clusterer)):
        command += [f"--{service}", address, f"--{service}-tls-ca", str(certificates / "authority.pem")]
        command += [f"--{service}-tls-cert", str(certificates / "clinic.pem")]
        command += [f"--{service}-tls-key", str(certificates / "clinic.key")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with ClustererClient(secured.clusterer, tls=tls_of(certificates, "clinic")) as clinic:
        (run,) = clinic.list_runs()
    with ClustererClient(secured.clusterer, tls=tls_of(certificates, "study")) as study:
        assert study.list_runs() == []
        with pytest.raises(RunNotFound):
            study.result(run.run_id)


@pytest.mark.parametrize("with_authority", [False, True])
def test_without_a_certificate_a_run_is_refused_at_once(
    secured: Stack, certificates: Path, tmp_path: Path, with_authority: bool
) -> None:
    write_phantoms(tmp_path / "phantoms", images_per_class=2, seed=0)
    command = [OCTCLUSTER, "run", str(tmp_path / "phantoms"), "--out", str(tmp_path / "out")]
    for service, address in (("embedder", secured.embedder), ("clusterer", secured.clusterer)):
        command += [f"--{service}", address]
        if with_authority:
            command += [f"--{service}-tls-ca", str(certificates / "authority.pem")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert ("-tls-cert FILE" if with_authority else "-tls-ca FILE") in done.stderr
    assert "waiting" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_each_service_wants_a_certificate(secured: Stack, certificates: Path) -> None:
    tls = Tls(certificates / "authority.pem")
    for client in (ClustererClient(secured.clusterer, tls=tls), EmbedderClient(secured.embedder, tls=tls)):
        with client, pytest.raises(AccessDenied, match="-tls-cert") as error:
            client.info()
        assert error.value.code == "UNAUTHENTICATED"


def test_redis_speaks_tls_alone(secured: Stack) -> None:
    ask = "redis-cli ping; REDISCLI_AUTH=$(cat /run/octcluster/redis-password) redis-cli --tls --cacert"
    ask += " /run/tls/authority.pem --user clusterer ping"
    plain, secure = secured.compose("exec", "-T", "redis", "sh", "-c", f"({ask}) 2>&1").splitlines()
    assert plain.startswith(("Error", "Could not connect"))
    assert secure == "PONG"


def test_metrics_are_for_holders_of_a_certificate(secured: Stack) -> None:
    ask = """
import ssl, urllib.request
def read(address, *certificate):
    context = ssl.create_default_context(cafile="/run/tls/authority.pem")
    if certificate:
        context.load_cert_chain(*certificate)
    url = f"https://{address}/metrics"
    try:
        return urllib.request.urlopen(url, context=context, timeout=20).read().decode()
    except OSError as error:
        return f"refused: {error}"
for address in ("embedder:9464", "clusterer:9465"):
    print(read(address, "/run/tls/server.pem", "/run/tls/server.key"))
    print(read(address))
"""
    answers = secured.compose("exec", "-T", "clusterer", "python", "-c", ask)
    assert "octcluster_embedder_serving 1.0" in answers
    assert "octcluster_clusterer_serving 1.0" in answers
    assert answers.count("refused: ") == 2


def test_monitoring_comes_when_it_is_asked_for(secured: Stack, certificates: Path) -> None:
    """Their images may not be had here: what they are given is."""
    asked = json.loads(secured.compose("--profile", "monitoring", "config", "--format", "json"))["services"]
    assert set(asked) == {"redis", "clusterer", "embedder", "prometheus", "grafana"}
    assert set(secured.compose("config", "--services").split()) == {"redis", "clusterer", "embedder"}
    for service in ("prometheus", "grafana"):
        mounts = [volume for volume in asked[service]["volumes"] if volume["type"] == "bind"]
        assert len(mounts) == 2
        assert all(Path(mount["source"]).exists() for mount in mounts)
        assert all(port["host_ip"] == "127.0.0.1" for port in asked[service]["ports"])
