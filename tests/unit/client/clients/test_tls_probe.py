"""Why a server closed a connection: found out from servers that do so, and from others that have no fault."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from octcluster.clients.security import Tls
from octcluster.clients.tls_probe import find_tls_fault


@pytest.fixture
def closing_server() -> Iterator[Callable[[bytes], str]]:
    """Starts a server that answers each connection with some bytes and closes it; returns its target."""
    servers: list[socket.socket] = []

    def start(answer: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        return f"dns:///127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\x00\x12\x04\x00"])
@pytest.mark.parametrize("tls", [None, Tls()])
def test_nothing_is_said_of_a_server_without_tls(
    closing_server: Callable[[bytes], str], answer: bytes, tls: Tls | None
) -> None:
    target = closing_server(answer)
    assert find_tls_fault("the embedder", "--embedder", "here", target, tls) is None


def test_an_alert_of_tls_tells_that_there_is_tls(closing_server: Callable[[bytes], str]) -> None:
    handshake_failure = b"\x15\x03\x03\x00\x02\x02\x28"
    fault = find_tls_fault("the embedder", "--embedder", "here", closing_server(handshake_failure), None)
    assert "--embedder-tls-ca" in str(fault)


@pytest.mark.parametrize("target", ["unix:/tmp/nobody", "dns:///127.0.0.1:1", "ipv4:127.0.0.1:1,127.0.0.1:2"])
def test_nothing_is_said_of_a_server_that_is_away(target: str) -> None:
    assert find_tls_fault("the embedder", "--embedder", "here", target, None) is None


def test_files_are_read_by_the_caller_before(tmp_path: Path, closing_server: Callable[[bytes], str]) -> None:
    """A certificate that vanished since says nothing of the server."""
    tls = Tls(cert=tmp_path / "gone.pem", key=tmp_path / "gone.key")
    assert find_tls_fault("the embedder", "--embedder", "here", closing_server(b""), tls) is None
