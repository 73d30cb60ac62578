"""The DICOM server: C-ECHO, C-STORE to disk, and Storage Commitment.

peer ─ P-DATA ─▶ IncomingFile in the spool ─ last fragment ─▶ on the disk, in the index ─▶ success
"""

import logging
import ssl
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from octcluster_serving.addresses import describe_address, split_address
from octcluster_serving.logs import describe_fault
from pynetdicom import AE, _config, dimse_messages, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    Verification,
)

from octcluster_gateway.errors import CannotListen, Refused, UnusableObject
from octcluster_gateway.metrics import GatewayMetrics
from octcluster_gateway.receiving.commitment import Commitment
from octcluster_gateway.receiving.connections import NO_HANDSHAKE, NO_PEER, BoundedServer, ConnectionLimits
from octcluster_gateway.receiving.peers import Peers
from octcluster_gateway.receiving.uids import is_uid
from octcluster_gateway.spool.entries import Arrival
from octcluster_gateway.spool.incoming import IncomingFile
from octcluster_gateway.spool.spool import Spool

_logger = logging.getLogger(__name__)

_SUCCESS, _FAULT = 0x0000, 0xC001
_REJECTED_PERMANENT, _BY_USER, _CALLING_AE_UNKNOWN = 1, 1, 3


@dataclass(frozen=True, slots=True)
class ReceiverOptions:
    """Where the server is, and whom it serves.

    Attributes:
        listen: Address, HOST:PORT.
        ae_title: Its AE title.
        peers: Who may connect.
        tls: What it speaks TLS with; None: it speaks plain text.
        limits: What a peer may take.
        on_stranger: Is told the AE title, the address and the reason of each association that is rejected,
            and of each connection that a stranger tries, without an AE title.
    """

    listen: str
    ae_title: str
    peers: Peers
    tls: ssl.SSLContext | None
    limits: ConnectionLimits
    on_stranger: Callable[[str, str, str], None] = lambda *_: None


class DimseReceiver:
    """Receives objects into a spool. There may be one in a process: pynetdicom's settings are the process's.

    Args:
        spool: Where the objects go.
        options: Where it is, and whom it serves.
        metrics: Counts the requests.
        commitment: Answers requests for storage commitment.

    Raises:
        CannotListen: The address is in use or not this machine's.
    """

    def __init__(
        self, spool: Spool, options: ReceiverOptions, metrics: GatewayMetrics, commitment: Commitment
    ) -> None:
        self._spool = spool
        self._options = options
        self._metrics = metrics
        self._commitment = commitment
        _set_up_library(spool)
        self._entity = _make_entity(options)
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, self._check_peer),
            (evt.EVT_C_ECHO, self._echo),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_ACTION, self._commit),
            (evt.EVT_CONN_CLOSE, _discard_unfinished),
        ]
        try:
            server = self._entity.make_server(
                split_address(options.listen),
                evt_handlers=handlers,
                server_class=BoundedServer,
                peers=options.peers,
                limits=options.limits,
                tls=options.tls,
                on_refused=self._note_refused,
            )
        except OSError as error:
            raise CannotListen(
                f"cannot listen on --listen {options.listen}: is the address in use, or not of this machine?"
            ) from error
        self._server = server
        self._entity._servers.append(server)

    def serve(self) -> None:
        """Serves until ``stop`` is called in another thread."""
        how = " with TLS" if self._options.tls else ""
        _logger.info("DICOM on %s%s", describe_address(self._options.listen), how)
        self._server.serve_forever(poll_interval=0.2)

    def stop(self, seconds: float) -> None:
        """Takes no more connections, and ends associations that have not ended after so long."""
        self._server.shutdown()
        end = time.monotonic() + seconds
        # A connection without an association, such as a health check leaves, is not waited for.
        while self._count_established() and time.monotonic() < end:
            time.sleep(0.05)
        for association in self._server.active_associations:
            association.abort()

    def _count_established(self) -> int:
        return sum(association.is_established for association in self._server.active_associations)

    def _check_peer(self, event: evt.Event) -> None:
        """Rejects an association if its AE title is not one that comes from this address."""
        association = event.assoc
        primitive = association.requestor.primitive
        ae_title = "" if primitive is None else str(primitive.calling_ae_title).strip()
        if self._options.peers.find(ae_title, str(association.requestor.address)) is None:
            _logger.warning("rejected an association: %r is no AE title of a peer at its address", ae_title)
            self._metrics.count_refused("its AE title is of no peer there")
            self._options.on_stranger(ae_title, str(association.requestor.address), "unknown AE title")
            association.acse.send_reject(_REJECTED_PERMANENT, _BY_USER, _CALLING_AE_UNKNOWN)
            association.kill()

    def _note_refused(self, reason: str, address: str) -> None:
        """Counts a connection that was refused, and accounts for it if it is of a stranger."""
        self._metrics.count_refused(reason)
        if reason.startswith((NO_PEER, NO_HANDSHAKE)):
            self._options.on_stranger("", address, reason)

    def _echo(self, event: evt.Event) -> int:
        self._metrics.count_request("C-ECHO", f"{_SUCCESS:04X}", 0.0)
        return _SUCCESS

    def _commit(self, event: evt.Event) -> tuple[int, None]:
        requestor = event.assoc.requestor
        peer = self._options.peers.find(str(requestor.ae_title).strip(), str(requestor.address))
        status = self._commitment.take(event, peer)
        self._metrics.count_request("N-ACTION", f"{status:04X}", 0.0)
        return status, None

    def _store(self, event: evt.Event) -> int:
        """Keeps one object; returns the status for its sender, success only if it is safe."""
        begin = time.monotonic()
        file = cast("IncomingFile", event.request._dataset_file)
        try:
            kept = self._spool.keep(file, _describe(event, file))
            _logger.info("object %d %s", kept.spool_id, "came again" if kept.is_known else "is kept")
            status = _SUCCESS
        except Refused as refusal:
            _logger.warning("refused an object: %s", refusal)
            status = refusal.status
        except Exception as error:  # the sender is told, and keeps its object
            _logger.error("an object could not be kept: %s", describe_fault(error))
            status = _FAULT
        finally:
            file.discard()
        self._metrics.count_request("C-STORE", f"{status:04X}", time.monotonic() - begin)
        return status


def _describe(event: evt.Event, file: IncomingFile) -> Arrival:
    """What is known of an object that has come.

    Raises:
        UnusableObject: Its UIDs are no UIDs.
    """
    request = cast("Any", event.request)
    sop_class, sop_instance = str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID)
    if not (is_uid(sop_class) and is_uid(sop_instance)):
        raise UnusableObject("the UIDs of an object are no UIDs: its sender must correct them")
    return Arrival(
        file=file.path.name,
        sop_class=sop_class,
        sop_instance=sop_instance,
        transfer_syntax=str(event.context.transfer_syntax),
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        calling_ae=str(event.assoc.requestor.ae_title).strip(),
    )


def _discard_unfinished(event: evt.Event) -> None:
    """Removes what has come of an object whose sender is gone."""
    message = event.assoc.dimse.message
    file = None if message is None else message._data_set_file
    if isinstance(file, IncomingFile):
        file.discard()


def _make_entity(options: ReceiverOptions) -> AE:
    entity = AE(options.ae_title)
    entity.require_called_aet = True
    entity.maximum_associations = options.limits.max_connections
    entity.maximum_pdu_size = options.limits.max_pdu_bytes
    entity.acse_timeout = entity.dimse_timeout = options.limits.pdu_seconds
    entity.network_timeout = 2 * options.limits.pdu_seconds
    entity.add_supported_context(Verification)
    # A report goes either way: the device may ask for the role, or leave it as it is.
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    return entity


def _set_up_library(spool: Spool) -> None:
    """Has pynetdicom write objects into the spool, take any of them, and log nothing of what they are."""
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    _config.STORE_RECV_CHUNKED_DATASET = True
    _config.LOG_HANDLER_LEVEL = "none"
    for library in ("pydicom", "pynetdicom"):
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module="pydicom")
    # It would write into the folder for temporary files, without a bound; only the class is ours.
    dimse_messages.NamedTemporaryFile = lambda **_: spool.open_file()  # type: ignore[assignment, attr-defined]
