"""A port that leads to a Unix socket, and remembers all that a client says there."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PIECE_BYTES = 1 << 16


class RecordingRelay:
    """Carries bytes both ways.

    Attributes:
        port: Its port on 127.0.0.1.
        said: What clients have said so far, all connections together.
    """

    def __init__(self, target: Path) -> None:
        self.said = bytearray()
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Takes no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._target))
                for source, sink, is_heard in ((client, server, True), (server, client, False)):
                    arguments = (source, sink, is_heard)
                    threading.Thread(target=self._carry, args=arguments, daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, is_heard: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                if is_heard:
                    self.said += piece
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def recording_relay(address: str) -> Iterator[RecordingRelay]:
    """Records what is said to a server at ``unix:PATH`` while the block runs."""
    relay = RecordingRelay(Path(address.removeprefix("unix:")))
    try:
        yield relay
    finally:
        relay.close()
