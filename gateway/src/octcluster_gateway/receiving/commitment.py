"""Storage Commitment (PS3.4 J): a device asks whether its objects are safe, and may then delete its own.

The gateway is no archive. It commits only if it keeps the files of all objects. Otherwise it says of each
that it does not, so that no device deletes the only copy. A report goes to the peer's port, or on the
association that asked if the peer has none. It is tried a few times; a device that gets none asks again.
"""

import logging
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from octcluster_serving.logs import describe_fault
from pydicom import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from octcluster_gateway.receiving.peers import Peer
from octcluster_gateway.spool.spool import Spool

_logger = logging.getLogger(__name__)

_SUCCESS, _INVALID_ARGUMENT, _NO_SUCH_ACTION = 0x0000, 0x0115, 0x0123
_REQUEST_COMMITMENT = 1
_ALL_COMMITTED, _SOME_FAILED = 1, 2
_NO_SUCH_OBJECT, _NO_RESOURCES = 0x0112, 0x0213
_WAITS_SECONDS = (0.2, 5.0, 30.0, 120.0)


@dataclass(frozen=True, slots=True)
class Reference:
    """An object that a device asks about."""

    sop_class: str
    sop_instance: str


class Commitment:
    """Answers requests for storage commitment.

    Args:
        spool: Where the objects are.
        ae_title: AE title of the gateway.
        tls: What reports to a peer's port speak TLS with; None: plain text.
        keeps_all: Whether the files of processed objects stay for ever.
    """

    def __init__(
        self, spool: Spool, ae_title: str, tls: ssl.SSLContext | None = None, *, keeps_all: bool
    ) -> None:
        self._tls = tls
        self._spool = spool
        self._ae_title = ae_title
        self._keeps_all = keeps_all
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Sends no further reports."""
        self._stopping.set()

    def take(self, event: evt.Event, peer: Peer | None) -> int:
        """Takes a request; its report follows. Returns the status for the device."""
        if event.action_type != _REQUEST_COMMITMENT:
            return _NO_SUCH_ACTION
        try:
            asked = event.action_information
            transaction = str(asked.TransactionUID)
            references = [
                Reference(str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
                for item in asked.ReferencedSOPSequence
            ]
        except Exception:
            return _INVALID_ARGUMENT
        arguments = (event.assoc, peer, self.judge(transaction, references))
        threading.Thread(target=self._report, args=arguments, name="commitment", daemon=True).start()
        return _SUCCESS

    def judge(self, transaction: str, references: Sequence[Reference]) -> Dataset:
        """Makes the report: which objects are safe, and of the others, why not."""
        committed, failed = [], []
        for reference in references:
            item = Dataset()
            item.ReferencedSOPClassUID = reference.sop_class
            item.ReferencedSOPInstanceUID = reference.sop_instance
            if reason := self._find_reason(reference):
                item.FailureReason = reason
                failed.append(item)
            else:
                committed.append(item)
        report = Dataset()
        report.TransactionUID = transaction
        report.RetrieveAETitle = self._ae_title
        if committed:
            report.ReferencedSOPSequence = committed
        if failed:
            report.FailedSOPSequence = failed
        return report

    def _find_reason(self, reference: Reference) -> int:
        """Why an object is not committed to; 0: it is."""
        entries = self._spool.index.find(reference.sop_instance)
        if not any(self._spool.stored(entry).path.is_file() for entry in entries):
            return _NO_SUCH_OBJECT
        return 0 if self._keeps_all else _NO_RESOURCES

    def _report(self, association: Any, peer: Peer | None, report: Dataset) -> None:
        for wait in _WAITS_SECONDS:
            if self._stopping.wait(wait):
                return
            try:
                if self._send(association, peer, report):
                    return
            except Exception as error:
                _logger.error("a report of storage commitment failed: %s", describe_fault(error))
        _logger.warning("a report of storage commitment could not be sent: does the peer's port take it?")

    def _send(self, association: Any, peer: Peer | None, report: Dataset) -> bool:
        """Sends a report; says whether the device took it."""
        if peer is None or peer.port is None:
            return association.is_established and self._tell(association, report)
        entity = AE(self._ae_title)
        entity.add_requested_context(StorageCommitmentPushModel)
        role = build_role(StorageCommitmentPushModel, scp_role=True)
        tls = None if self._tls is None else (self._tls, peer.host)
        opened = entity.associate(peer.host, peer.port, ae_title=peer.ae_title, ext_neg=[role], tls_args=tls)
        if not opened.is_established:
            return False
        try:
            return self._tell(opened, report)
        finally:
            opened.release()

    def _tell(self, association: Any, report: Dataset) -> bool:
        kind = _SOME_FAILED if "FailedSOPSequence" in report else _ALL_COMMITTED
        status, _ = association.send_n_event_report(
            report, kind, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        return cast("int | None", status.get("Status")) == _SUCCESS
