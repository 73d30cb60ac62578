"""Connections of peers, with bounds: their number, the time of a handshake and of a PDU, the size of a PDU.

pynetdicom would do the handshake of TLS where it accepts connections, so that one slow peer keeps out all
others; it would read a PDU of any announced size, and wait for its rest for ever.
"""

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from octcluster_gateway.receiving.peers import Peers
from octcluster_gateway.spool.incoming import IncomingFile

if TYPE_CHECKING:
    from pynetdicom.association import Association

_logger = logging.getLogger(__name__)

NO_PEER, NO_HANDSHAKE = "its address is of no peer", "its TLS handshake failed"
"""Why a connection is refused, where that says that somebody tries who may not."""
_BLOCK_BYTES = 1 << 18
_MAX_NEGOTIATION_BYTES = 1 << 20
_MAX_COMMAND_BYTES = 1 << 16
_MAX_MESSAGE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What a peer may take.

    Attributes:
        max_connections: Most connections at a time, of all peers.
        pdu_seconds: Longest time for a TLS handshake, and from the begin of a PDU to its end.
        max_pdu_bytes: Largest PDU with data.
    """

    max_connections: int
    pdu_seconds: float
    max_pdu_bytes: int


class BoundedSocket(AssociationSocket):
    """The socket of one association, with bounds on each PDU."""

    limits: ConnectionLimits

    def recv(self, nr_bytes: int) -> bytearray:
        """Reads so many bytes; fewer if the peer closes the connection.

        Raises:
            OSError: The PDU is too large or too slow.
        """
        if nr_bytes > max(self.limits.max_pdu_bytes, _MAX_NEGOTIATION_BYTES):
            raise OSError("a PDU is larger than agreed")
        self._check_message()
        connection = cast("socket.socket", self.socket)
        data = bytearray(nr_bytes)
        view, read, end = memoryview(data), 0, time.monotonic() + self.limits.pdu_seconds
        while read < nr_bytes:
            connection.settimeout(max(0.001, end - time.monotonic()))
            count = connection.recv_into(view[read : read + _BLOCK_BYTES])
            if not count:
                break
            read += count
        connection.settimeout(self.limits.pdu_seconds)
        view.release()
        del data[read:]
        return data

    def _check_message(self) -> None:
        """Bounds what is held of a message in memory: its command, and the data of all but C-STORE.

        Of C-STORE the data are on the disk, and dropped once they are too large: that is bounded, too.
        """
        message = self.assoc.dimse.message
        if message is None:
            return
        file = message._data_set_file
        if isinstance(file, IncomingFile) and file.is_endless:
            raise OSError("an object is much larger than allowed")
        held = 0 if message.data_set is None else message.data_set.tell()
        if message.encoded_command_set.tell() > _MAX_COMMAND_BYTES or held > _MAX_MESSAGE_BYTES:
            raise OSError("a message is larger than any that is served here")


class BoundedHandler(RequestHandler):
    """Makes an association of a connection."""

    def _create_association(self) -> "Association":
        association = super()._create_association()
        # It names the class of the socket nowhere, and takes no other socket afterwards.
        bounded = cast("Any", association.dul.socket)
        bounded.__class__ = BoundedSocket
        bounded.limits = cast("BoundedServer", self.server).limits
        return association


class BoundedServer(ThreadedAssociationServer):
    """Accepts connections of peers, and does the handshake of each in its own thread."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        *args: Any,
        peers: Peers,
        limits: ConnectionLimits,
        tls: ssl.SSLContext | None,
        on_refused: Callable[[str, str], None],
        **options: Any,
    ) -> None:
        self.limits = limits
        self._peers = peers
        self._tls = tls
        self._on_refused = on_refused
        self._handshakes = 0
        self._lock = threading.Lock()
        super().__init__(*args, **{**options, "request_handler": BoundedHandler})

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether a connection may go on: it comes from a peer's address, and there are not too many."""
        if not self._peers.knows_address(str(client_address[0])):
            self._refuse(NO_PEER, client_address)
            return False
        if self._handshakes + len(self.active_associations) >= self.limits.max_connections:
            self._refuse("there are too many connections", client_address)
            return False
        return True

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Does the handshake, in the thread of this connection, and begins the association."""
        if self._tls is not None:
            with self._lock:
                self._handshakes += 1
            try:
                request = self._shake_hands(self._tls, request, client_address)
            finally:
                with self._lock:
                    self._handshakes -= 1
            if request is None:
                return
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says that a connection failed, without what the peer sent."""
        self._refuse("it failed before an association began", client_address)

    def _shake_hands(
        self, context: ssl.SSLContext, request: socket.socket, client_address: Any
    ) -> ssl.SSLSocket | None:
        """Turns a connection into one with TLS; None if that fails or takes too long."""
        # The timeout of a socket is for each read: a peer that sends a byte now and then would never meet it.
        spare = request.dup()
        watch = threading.Timer(self.limits.pdu_seconds, _shut_down, [spare])
        watch.daemon = True
        watch.start()
        try:
            request.settimeout(self.limits.pdu_seconds)
            return context.wrap_socket(request, server_side=True)
        except OSError as error:
            why = getattr(error, "reason", None) or type(error).__name__
            self._refuse(f"{NO_HANDSHAKE} ({why})", client_address)
            self.shutdown_request(request)
            return None
        finally:
            watch.cancel()
            spare.close()

    def _refuse(self, reason: str, client_address: Any) -> None:
        _logger.warning("refused a connection: %s", reason)
        self._on_refused(reason, str(client_address[0]))


def _shut_down(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
