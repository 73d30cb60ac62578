"""Who may use the clusterer: a real server with TLS, certificates and tokens, through the real clients."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import machine
import numpy as np
import pytest
import redis
from certificates import Certificates, Pair, make_certificates
from octcluster import (
    AccessDenied,
    AsyncClustererClient,
    ClustererClient,
    ConnectionNotSecure,
    RunNotFound,
    Tls,
)
from octcluster.model.results import Assignments
from octcluster.model.runs import EmbeddingSpace, Member, Preparation, RunSpec
from processes import Server, free_port, running_server
from stores import STORES, Store, started_store
from waiting import wait_until

TOKEN, NEXT_TOKEN = "0123456789abcdef-token", "fedcba9876543210-token"
SPACE = EmbeddingSpace("net", "00" * 32, "1", "pooled", "float32", 4, b"\x03" * 32)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """One of both: access has nothing to do with the store."""
    with started_store(STORES[0]) as running:
        yield running


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    machine.need(machine.openssl(), "openssl", "install it")
    return make_certificates(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Pair:
    """The server's own copies of its certificate and key, which a test renews."""
    folder = tmp_path_factory.mktemp("served")
    pair = certificates.server
    return Pair(Path(shutil.copy(pair.cert, folder)), Path(shutil.copy(pair.key, folder)))


@pytest.fixture(scope="module")
def token_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_token(tmp_path_factory.mktemp("token") / "token", TOKEN)


@pytest.fixture(scope="module")
def server(store: Store, served: Pair, token_file: Path) -> Iterator[Server]:
    flags = ("--redis-url", store.url, "--tls-cert", str(served.cert), "--tls-key", str(served.key))
    address = f"127.0.0.1:{free_port()}"
    with running_server("octcluster_clusterer", address, *flags, "--token-file", str(token_file)) as running:
        yield running


def write_token(file: Path, token: str) -> Path:
    """Writes beside and swaps, as one should."""
    new = file.with_suffix(".new")
    new.write_text(token + "\n")
    new.chmod(0o600)
    return new.replace(file)


def draw_vectors() -> list[tuple[bytes, bytes]]:
    rows = np.random.default_rng(0).normal(size=(12, 4)) + 20 * (2 * (np.arange(12)[:, np.newaxis] % 2) - 1)
    return [(os.urandom(32), row.astype("<f4").tobytes()) for row in rows]


def spec_of() -> RunSpec:
    return RunSpec(SPACE, min_clusters=2, max_clusters=2, preparation=Preparation(), stability_resamples=0)


def check_clusters(found: Assignments) -> None:
    assert list(found.clusters) == [found.clusters[0], found.clusters[1]] * 6


def test_with_authority_and_token_a_run_is_done(server: Server, certificates: Certificates) -> None:
    vectors = draw_vectors()
    with ClustererClient(server.address, tls=Tls(certificates.ca), token=TOKEN) as client:
        client.put_vectors(SPACE, vectors)
        assert client.get_vectors(SPACE, [key for key, _ in vectors]) == dict(vectors)
        run_id = client.start_run(spec_of(), [Member(key) for key, _ in vectors]).run_id
        client.wait(run_id)
        check_clusters(client.assignments(run_id, 0))
        assert len(client.assign(run_id, 0, [key for key, _ in vectors]).clusters) == 12
        assert run_id in [status.run_id for status in client.list_runs()]


async def test_so_it_is_with_asyncio(server: Server, certificates: Certificates) -> None:
    vectors = draw_vectors()
    async with AsyncClustererClient(server.address, tls=Tls(certificates.ca), token=TOKEN) as client:
        await client.put_vectors(SPACE, vectors)
        assert await client.get_vectors(SPACE, [key for key, _ in vectors]) == dict(vectors)
        run_id = (await client.start_run(spec_of(), [Member(key) for key, _ in vectors])).run_id
        await client.wait(run_id)
        check_clusters(await client.assignments(run_id, 0))
        assert len((await client.assign(run_id, 0, [key for key, _ in vectors])).clusters) == 12


@pytest.mark.parametrize("token", [None, TOKEN[:-1], TOKEN.upper()])
def test_without_the_token_nobody_gets_in(
    server: Server, certificates: Certificates, token: str | None
) -> None:
    with ClustererClient(server.address, tls=Tls(certificates.ca), token=token) as client:
        with pytest.raises(AccessDenied, match="--clusterer-token-file") as error:
            client.info()
        assert error.value.code == "UNAUTHENTICATED"
        with pytest.raises(AccessDenied):
            list(client.watch("0" * 32))


def test_plain_text_is_not_answered(server: Server) -> None:
    with (
        ClustererClient(server.address) as client,
        pytest.raises(ConnectionNotSecure, match="--clusterer-tls-ca"),
    ):
        client.info()
    assert TOKEN not in server.log


def test_a_new_token_counts_without_a_restart(
    server: Server, certificates: Certificates, token_file: Path
) -> None:
    tls = Tls(certificates.ca)
    try:
        write_token(token_file, NEXT_TOKEN)
        with ClustererClient(server.address, tls=tls, token=NEXT_TOKEN) as client:
            client.info()
        with ClustererClient(server.address, tls=tls, token=TOKEN) as client, pytest.raises(AccessDenied):
            client.info()
        write_token(token_file, "short")
        with ClustererClient(server.address, tls=tls, token=NEXT_TOKEN) as client:
            client.info()
        assert "the tokens before it stay good" in server.log
    finally:
        write_token(token_file, TOKEN)


def test_a_renewed_certificate_counts_without_a_restart(
    server: Server, certificates: Certificates, served: Pair, tmp_path: Path
) -> None:
    renewed = make_certificates(tmp_path / "renewed")

    def serve(cert: Path, key: Path) -> None:
        shutil.copy(cert, served.cert)
        shutil.copy(key, served.key)

    try:
        serve(renewed.server.cert, renewed.server.key)
        with ClustererClient(server.address, tls=Tls(renewed.ca), token=TOKEN) as client:
            client.wait_until_serving(20)
        with (
            ClustererClient(server.address, tls=Tls(certificates.ca), token=TOKEN, retry_seconds=0) as client,
            pytest.raises(ConnectionNotSecure, match="--clusterer-tls-ca"),
        ):
            client.info()
        served.cert.write_text("half a certificate")
        with ClustererClient(server.address, tls=Tls(renewed.ca), token=TOKEN) as client:
            client.wait_until_serving(20)
        wait_until(lambda: "those before them stay in use" in server.log)
    finally:
        serve(certificates.server.cert, certificates.server.key)


@pytest.fixture(scope="module")
def named_server(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Three names, of which one may store no vectors."""
    file = tmp_path_factory.mktemp("names") / "tokens"
    write_token(file, "".join(f"{name}:{TOKEN}-{name}\n" for name in ("clinic", "study", "guest")))
    flags = ("--redis-url", store.url, "--token-file", str(file), "--vector-writers", "clinic, study")
    address = f"127.0.0.1:{free_port()}"
    with running_server("octcluster_clusterer", address, *flags) as running:
        yield running


def test_a_run_is_known_to_the_name_that_started_it_alone(named_server: Server) -> None:
    vectors = draw_vectors()
    keys = [key for key, _ in vectors]
    address = named_server.address
    with (
        ClustererClient(address, token=f"{TOKEN}-clinic", retry_seconds=0) as clinic,
        ClustererClient(address, token=f"{TOKEN}-study", retry_seconds=0) as study,
    ):
        clinic.put_vectors(SPACE, vectors)
        run_id = clinic.start_run(spec_of(), [Member(key) for key in keys]).run_id
        assert clinic.wait(run_id).run_id == run_id
        assert clinic.assign(run_id, 0, keys).image_keys == keys
        calls: list[Callable[[], object]] = [
            lambda: study.status(run_id),
            lambda: study.result(run_id),
            lambda: study.assignments(run_id, 0),
            lambda: study.assign(run_id, 0, keys),
            lambda: study.fitted_run(run_id, 0),
            lambda: study.cancel(run_id),
            lambda: list(study.watch(run_id)),
        ]
        for call in calls:
            with pytest.raises(RunNotFound):
                call()
        study.delete(run_id)
        assert [status.run_id for status in clinic.list_runs()] == [run_id]
        assert study.list_runs() == []
        # The same id is another run of another name, and neither is in the way of the other.
        own = replace(spec_of(), run_id=run_id, seed=7)
        assert study.start_run(own, [Member(key) for key in keys]).run_id == run_id
        study.wait(run_id)
        clinic.delete(run_id)
        assert clinic.list_runs() == []
        assert [status.run_id for status in study.list_runs()] == [run_id]


def test_the_names_are_in_no_log_and_in_no_key_of_the_store(named_server: Server, store: Store) -> None:
    with ClustererClient(named_server.address, token=f"{TOKEN}-study") as study:
        vectors = draw_vectors()
        study.put_vectors(SPACE, vectors)
        study.wait(study.start_run(spec_of(), [Member(key) for key, _ in vectors]).run_id)
    with redis.Redis.from_url(store.url) as inside:
        kept = b" ".join(inside.keys())
    assert b"run:" in kept
    assert b"study" not in kept
    assert TOKEN not in named_server.log


def test_a_name_that_may_not_store_vectors_cannot(named_server: Server) -> None:
    with ClustererClient(named_server.address, token=f"{TOKEN}-guest", retry_seconds=0) as guest:
        with pytest.raises(AccessDenied, match="--vector-writers") as error:
            guest.put_vectors(SPACE, draw_vectors())
        assert error.value.code == "PERMISSION_DENIED"
        with pytest.raises(AccessDenied, match="--vector-writers"):
            guest.delete_vectors([key for key, _ in draw_vectors()])
        assert guest.list_runs() == []


def test_certificates_stand_for_names(
    store: Store, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pair, own = certificates.server, certificates.client
    flags = ["--redis-url", store.url, "--tls-cert", str(pair.cert), "--tls-key", str(pair.key)]
    flags += ["--tls-client-ca", str(certificates.ca), "--certificate-names"]
    with running_server("octcluster_clusterer", f"127.0.0.1:{free_port()}", *flags) as server:
        by_client = Tls(certificates.ca, own.cert, own.key)
        by_server = Tls(certificates.ca, pair.cert, pair.key)
        vectors = draw_vectors()
        with (
            ClustererClient(server.address, tls=by_client) as client,
            ClustererClient(server.address, tls=by_server) as other,
        ):
            client.put_vectors(SPACE, vectors)
            run_id = client.start_run(spec_of(), [Member(key) for key, _ in vectors]).run_id
            client.wait(run_id)
            assert [status.run_id for status in client.list_runs()] == [run_id]
            with pytest.raises(RunNotFound):
                other.status(run_id)


def test_beyond_this_machine_it_needs_tls_or_the_word_insecure(store: Store) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "octcluster_clusterer", "--redis-url", store.url, "--listen"]
    ended = subprocess.run([*command, f"0.0.0.0:{free_port()}"], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "--insecure allows it" in ended.stderr
