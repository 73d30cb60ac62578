"""Real server processes for tests: started on a Unix socket or a loopback port, always stopped."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import IO

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from octcluster_serving.health import ask_health
from octcluster_serving.service import Service
from octcluster_serving.settings import TlsFiles


@dataclass
class Server:
    """A running server process: its gRPC address and what it has logged so far."""

    process: subprocess.Popen[bytes]
    address: str
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def terminate(self, seconds: float = 30) -> int:
        """Sends SIGTERM and returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=seconds)


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_ports(count: int) -> list[int]:
    """TCP ports on 127.0.0.1, one after the other, that were free a moment ago."""
    while True:
        first = free_port()
        ports = list(range(first, first + count))
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
            for port in ports:
                probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return ports


def listens(port: int) -> bool:
    """Whether somebody takes connections at a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until_serving(address: str, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Waits until the server's health service says SERVING."""
    deadline = time.monotonic() + seconds
    # Without these, gRPC waits a second and more between two attempts to connect.
    backoff = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100)]
    with grpc.insecure_channel(address, options=backoff) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise RuntimeError(f"server ended with code {process.returncode} before it served")
            try:
                answer = health.Check(health_pb2.HealthCheckRequest(), timeout=2)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            except grpc.RpcError:
                pass
            time.sleep(0.05)
    raise TimeoutError(f"server did not serve within {seconds} s")


@contextmanager
def running_service(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None, seconds: float = 300
) -> Iterator[Server]:
    """Runs ``python -m module --listen unix:...`` until the block ends, or shows its log."""
    with tempfile.TemporaryDirectory(prefix="oct-", dir="/tmp") as folder:
        address = f"unix:{folder}/s.sock"
        log_file = Path(folder, "log.txt")
        command = [sys.executable, "-m", module, "--listen", address, *arguments]
        with log_file.open("wb") as log, _process(command, log, environment) as process:
            server = Server(process, address, log_file)
            try:
                wait_until_serving(address, process, seconds)
            except (RuntimeError, TimeoutError) as error:
                raise RuntimeError(f"{error}; its log:\n{server.log}") from error
            yield server


@contextmanager
def running_server(module: str, address: str, *arguments: str, seconds: float = 300) -> Iterator[Server]:
    """The same at another address, until its health is content: for servers with TLS."""
    with tempfile.TemporaryDirectory(prefix="oct-", dir="/tmp") as folder:
        log_file = Path(folder, "log.txt")
        command = [sys.executable, "-m", module, "--listen", address, *arguments]
        with log_file.open("wb") as log, _process(command, log, None) as process:
            deadline = time.monotonic() + seconds
            while _ask_health(module, address, arguments) is not None:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the server did not serve; its log:\n{log_file.read_text()}")
                time.sleep(0.1)
            yield Server(process, address, log_file)


def _ask_health(module: str, address: str, arguments: Sequence[str]) -> str | None:
    """Asks as ``--check-health`` does, without a process for each question."""
    flags = dict(pairwise(arguments))
    files = [Path(flags[name]) for name in ("--tls-cert", "--tls-key") if name in flags]
    service: Service = next(
        value
        for value in vars(import_module(f"{module}.serving.service")).values()
        if isinstance(value, Service)
    )
    return ask_health(service, address, TlsFiles(*files) if files else None)


@contextmanager
def running_store(program: str, socket_path: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a Redis or Valkey server on a Unix socket, nothing on disk, until the block ends."""
    command: Sequence[str] = [
        program,
        "--port",
        "0",
        "--unixsocket",
        str(socket_path),
        "--save",
        "",
        "--appendonly",
        "no",
        *arguments,
    ]
    with _process(command, subprocess.DEVNULL, None) as process:
        deadline = time.monotonic() + 20
        while not socket_path.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{program} did not come up")
            time.sleep(0.02)
        yield process


@contextmanager
def _process(
    command: Sequence[str], log: IO[bytes] | int, environment: Mapping[str, str] | None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(environment or {})}
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
