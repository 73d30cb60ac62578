"""Who gets in, from a real server with TLS, client certificates and a token, through the real client."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import grpc
import machine
import pytest
from certificates import Certificates, make_certificates
from grpc_health.v1 import health_pb2, health_pb2_grpc
from known import known
from octcluster import (
    AccessDenied,
    AsyncEmbedderClient,
    ConnectionNotSecure,
    EmbedderClient,
    InvalidArguments,
    Tls,
)
from processes import Server, free_port, running_server
from waiting import wait_until

TOKEN = "0123456789abcdef-token"
Start = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    machine.need(machine.openssl(), "openssl", "install it")
    return make_certificates(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture(scope="module")
def token_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("token") / "token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o600)
    return file


@pytest.fixture(scope="module")
def start(model_cache: Path) -> Start:
    """Starts an embedder with these flags on a TCP port; who gets in has nothing to do with the model."""

    def started(*flags: object) -> AbstractContextManager[Server]:
        arguments = ("--cache-dir", str(model_cache), "--models", "pixels", *map(str, flags))
        return running_server("octcluster_embedder", f"127.0.0.1:{free_port()}", *arguments)

    return started


@pytest.fixture(scope="module")
def tls_process(start: Start, certificates: Certificates, token_file: Path) -> Iterator[Server]:
    pair = certificates.server
    flags = ("--tls-cert", pair.cert, "--tls-key", pair.key, "--token-file", token_file)
    with start(*flags, "--log-format", "json") as server:
        yield server


@pytest.fixture(scope="module")
def tls_server(tls_process: Server) -> str:
    return tls_process.address


@pytest.fixture(scope="module")
def mutual_server(start: Start, certificates: Certificates) -> Iterator[str]:
    pair = certificates.server
    flags = ("--tls-cert", pair.cert, "--tls-key", pair.key, "--tls-client-ca", certificates.ca)
    with start(*flags) as server:
        yield server.address


def check_health(address: str, *flags: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "octcluster_embedder", "--check-health", "--listen", address]
    return subprocess.run([*command, *map(str, flags)], capture_output=True, text=True, timeout=60)


def test_with_authority_and_token_images_become_vectors(
    tls_server: str, certificates: Certificates, images: list[bytes]
) -> None:
    with EmbedderClient(tls_server, tls=Tls(certificates.ca), token=TOKEN) as client:
        assert len(client.embed(images[:3], "pixels")) == 3


async def test_so_do_they_with_asyncio(
    tls_server: str, certificates: Certificates, images: list[bytes]
) -> None:
    tls = Tls(certificates.ca, server_name="gpu-box")
    async with AsyncEmbedderClient(tls_server, tls=tls, token=TOKEN) as client:
        await client.wait_until_serving(10)
        assert len(await client.embed(images[:3], "pixels")) == 3


@pytest.mark.parametrize("token", [None, TOKEN[:-1], TOKEN + "x", TOKEN.upper()])
def test_without_the_token_nobody_gets_in(
    tls_server: str, certificates: Certificates, token: str | None
) -> None:
    with EmbedderClient(tls_server, tls=Tls(certificates.ca), token=token) as client:
        with pytest.raises(AccessDenied, match="--embedder-token-file") as error:
            client.info()
        assert error.value.code == "UNAUTHENTICATED"
        with pytest.raises(AccessDenied):
            client.wait_until_serving(10)


def test_health_needs_no_token(tls_server: str, certificates: Certificates) -> None:
    credentials = grpc.ssl_channel_credentials(certificates.ca.read_bytes())
    with grpc.secure_channel(tls_server, credentials) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_certificate_of_another_authority_is_not_believed(
    tls_server: str, certificates: Certificates, tmp_path: Path
) -> None:
    other = make_certificates(tmp_path / "other").ca
    with (
        EmbedderClient(tls_server, tls=Tls(other), token=TOKEN, retry_seconds=60) as client,
        pytest.raises(ConnectionNotSecure, match="--embedder-tls-ca"),
    ):
        client.wait_until_serving(10)


def test_nor_is_one_for_another_name(tls_server: str, certificates: Certificates) -> None:
    tls = Tls(certificates.ca, server_name="another-box")
    with (
        EmbedderClient(tls_server, tls=tls, token=TOKEN) as client,
        pytest.raises(ConnectionNotSecure, match="--embedder-tls-name"),
    ):
        client.wait_until_serving(30)


def test_plain_text_is_not_answered(tls_server: str, tls_process: Server) -> None:
    with (
        EmbedderClient(tls_server) as client,
        pytest.raises(ConnectionNotSecure, match="--embedder-tls-ca"),
    ):
        client.info()
    assert TOKEN not in tls_process.log
    for line in tls_process.log.splitlines():  # gRPC itself would tell of failed handshakes, as text
        assert "message" in json.loads(line)


async def test_who_waits_for_a_server_is_told_at_once_what_it_wants(
    tls_server: str, mutual_server: str, certificates: Certificates
) -> None:
    waits: list[str] = []
    async with AsyncEmbedderClient(tls_server) as client:
        with pytest.raises(ConnectionNotSecure, match="--embedder-tls-ca"):
            await client.wait_until_serving(60, waits.append)
    with (
        EmbedderClient(mutual_server, tls=Tls(certificates.ca)) as client,
        pytest.raises(AccessDenied, match="--embedder-tls-cert"),
    ):
        client.wait_until_serving(60, waits.append)
    assert waits == []


def test_mutual_tls_wants_the_clients_certificate(
    mutual_server: str, certificates: Certificates, images: list[bytes], tmp_path: Path
) -> None:
    pair = certificates.client
    with EmbedderClient(mutual_server, tls=Tls(certificates.ca, pair.cert, pair.key)) as client:
        assert len(client.embed(images[:2], "pixels")) == 2
    with (
        EmbedderClient(mutual_server, tls=Tls(certificates.ca)) as client,
        pytest.raises(AccessDenied, match="--embedder-tls-cert") as error,
    ):
        client.info()
    assert error.value.code == "UNAUTHENTICATED"
    foreign = make_certificates(tmp_path / "other").client
    with (
        EmbedderClient(mutual_server, tls=Tls(certificates.ca, foreign.cert, foreign.key)) as client,
        pytest.raises(AccessDenied, match="does not accept the certificate"),
    ):
        client.info()


@pytest.mark.parametrize("kind", ["tls_server", "mutual_server"])
def test_check_health_speaks_tls(
    request: pytest.FixtureRequest, certificates: Certificates, kind: str
) -> None:
    pair = certificates.server
    address = request.getfixturevalue(kind)
    tls = ("--tls-cert", pair.cert, "--tls-key", pair.key)
    done = wait_until(lambda: one if (one := check_health(address, *tls)).returncode == 0 else None)
    assert known(done).stdout.strip() == "serving"
    assert check_health(address).returncode == 1
    nobody = check_health(f"127.0.0.1:{free_port()}", *tls)
    assert nobody.returncode == 1
    assert "no answer" in nobody.stderr


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (("--tls-cert", "server.pem", "--tls-key", "client.key"), "--tls-cert and --tls-key"),
        (("--tls-cert", "server.key", "--tls-key", "server.key"), "--tls-cert and --tls-key"),
        (
            ("--tls-cert", "server.pem", "--tls-key", "server.key", "--tls-client-ca", "client.key"),
            "--tls-client-ca",
        ),
        (("--token-file", "short"), "openssl rand -hex 32"),
    ],
)
def test_what_cannot_protect_stops_the_start(
    certificates: Certificates, flags: tuple[str, ...], complaint: str
) -> None:
    folder = certificates.ca.parent
    (folder / "short").write_text("secret\n")
    (folder / "short").chmod(0o600)
    arguments = [flag if flag.startswith("--") else str(folder / flag) for flag in flags]
    command = [sys.executable, "-m", "octcluster_embedder", "--listen", f"127.0.0.1:{free_port()}"]
    ended = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_token_does_not_travel_unencrypted_to_other_machines() -> None:
    for address in ("gpu-box:50051", "dns:///gpu-box:50051", "127.0.0.1:1,10.0.0.7:1", "ipv4:10.0.0.7:1"):
        with pytest.raises(InvalidArguments, match="unencrypted"):
            EmbedderClient(address, token=TOKEN)
    for address in ("127.0.0.1:1", "localhost:1,127.0.0.1:2", "unix:/tmp/x", "[::1]:1", "ipv4:127.0.0.1:1"):
        EmbedderClient(address, token=TOKEN).close()


def test_metrics_use_the_same_certificate_and_count_who_was_refused(
    start: Start, certificates: Certificates, token_file: Path
) -> None:
    import ssl

    pair, address = certificates.server, f"127.0.0.1:{free_port()}"
    context = ssl.create_default_context(cafile=certificates.ca)
    with start(
        "--tls-cert",
        pair.cert,
        "--tls-key",
        pair.key,
        "--metrics-listen",
        address,
        "--token-file",
        token_file,
    ) as server:
        with EmbedderClient(server.address, tls=Tls(certificates.ca)) as client, pytest.raises(AccessDenied):
            client.info()
        page = urllib.request.urlopen(f"https://{address}/metrics", timeout=10, context=context).read()
    assert b"octcluster_embedder_serving 1.0" in page
    assert b'requests_total{code="UNAUTHENTICATED",method="refused"} 1.0' in page
