"""Serves an application on this machine alone, until it is told to stop."""

import contextlib
import errno
import secrets
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from octcluster.explorer.server.app import make_app
from octcluster.explorer.server.explorer import Explorer
from octcluster.model.errors import InvalidArguments

HOST = "127.0.0.1"
_TOKEN_BYTES = 24
_STOP_SECONDS = 3


def serve(explorer: Explorer, port: int, on_ready: Callable[[str], None], *, debug: bool = False) -> None:
    """Serves the explorer until the process gets SIGINT or SIGTERM.

    Args:
        explorer: What is served.
        port: The port; 0: any that is free.
        on_ready: Told the address of the page, once it answers.
        debug: Whether faults are printed in full.

    Raises:
        InvalidArguments: The port is in use or may not be used.
    """
    with contextlib.closing(_listen(port)) as listening:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        number = listening.getsockname()[1]
        hosts = frozenset(f"{host}:{number}" for host in (HOST, "localhost"))
        config = uvicorn.Config(
            make_app(explorer, token, hosts, debug=debug),
            log_config=None,
            access_log=False,  # its lines would hold the token
            log_level="critical",
            lifespan="off",
            ws="none",
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        on_ready(f"http://{HOST}:{number}/{token}/")
        with _ended_by_signals():
            uvicorn.Server(config).run(sockets=[listening])


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Has the block end without an error: uvicorn sends the signal that ended it once more at its end."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=128)
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise InvalidArguments(
            f"port {port} {reason}: name another one (--port N), or none for any that is free"
        ) from error
