"""Reports and copies go to a named destination by C-STORE."""

import ssl
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ

from octcluster_gateway.errors import NotSent

_SUCCESS = 0x0000
# The destination kept the object, and changed or ignored something of it.
_WARNINGS = range(0xB000, 0xC000)
# Source and reason of a rejection for an AE title, calling and called: PS3.8 table 9-21.
_UNKNOWN_AE_TITLES = ((1, 3), (1, 7))


@dataclass(frozen=True)
class Destination:
    """Where objects go.

    Attributes:
        name: What the site calls it, for messages.
        ae_title: Its AE title.
        host: Its address.
        port: Its port.
        tls: What TLS is spoken with; None: plain, for this machine and closed networks.
    """

    name: str
    ae_title: str
    host: str
    port: int
    tls: ssl.SSLContext | None = None


def send(made: Dataset, destination: Destination, ae_title: str, timeout_seconds: float = 30.0) -> None:
    """Sends an object; the destination has kept it when this returns.

    Args:
        made: The object, with its file meta information.
        destination: Where it goes.
        ae_title: AE title of the gateway.
        timeout_seconds: Longest time for the connection, and for each answer.

    Raises:
        NotSent: It is not there, or nobody knows: sending it again does no harm, since its UID is the same.
    """
    entity = AE(ae_title)
    entity.connection_timeout = entity.acse_timeout = timeout_seconds
    entity.dimse_timeout = entity.network_timeout = timeout_seconds
    entity.add_requested_context(made.SOPClassUID, made.file_meta.TransferSyntaxUID)
    rejections: list[A_ASSOCIATE_RJ] = []
    association = entity.associate(
        destination.host,
        destination.port,
        ae_title=destination.ae_title,
        evt_handlers=[(evt.EVT_PDU_RECV, _keep_rejection, [rejections])],
        tls_args=None if destination.tls is None else (destination.tls, destination.host),
    )
    try:
        _check_open(association, rejections, made, destination)
        status = _store(association, made, destination)
    finally:
        if association.is_established:
            association.release()
    if status != _SUCCESS and status not in _WARNINGS:
        raise NotSent(f"{destination.name} did not take an object: status {status:04X}; look at its log")


def _keep_rejection(event: evt.Event, rejections: list[A_ASSOCIATE_RJ]) -> None:
    """Keeps what pynetdicom may forget.

    A peer that closes the connection together with its rejection is told as `is_aborted` instead of
    `is_rejected` now and then, when the thread that reads is ahead of the one that asks.
    """
    if isinstance(event.pdu, A_ASSOCIATE_RJ):
        rejections.append(event.pdu)


def _check_open(
    association: Association, rejections: list[A_ASSOCIATE_RJ], made: Dataset, destination: Destination
) -> None:
    for rejection in rejections:
        if (rejection.source, rejection.reason_diagnostic) in _UNKNOWN_AE_TITLES:
            raise NotSent(
                f"{destination.name} refuses {destination.ae_title} or this gateway's AE title: "
                "register both there"
            )
        raise NotSent(
            f"{destination.name} takes nothing from this gateway now, source {rejection.source} and reason "
            f"{rejection.reason_diagnostic} of table 9-21 of DICOM's PS3.8: look at its log"
        )
    if association.rejected_contexts and not association.accepted_contexts:
        raise NotSent(
            f"{destination.name} takes no {UID(made.SOPClassUID).name} as "
            f"{UID(made.file_meta.TransferSyntaxUID).name}: allow both there"
        )
    if not association.is_established:
        raise NotSent(
            f"{destination.name} does not answer at {destination.host}:{destination.port}: look whether it "
            "runs, and whether both sides speak TLS"
        )


def _store(association: Association, made: Dataset, destination: Destination) -> int:
    status = association.send_c_store(made)
    if "Status" not in status:
        raise NotSent(f"{destination.name} did not answer in time: look whether it runs")
    return int(status.Status)
