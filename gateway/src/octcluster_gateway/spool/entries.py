"""One object of the index: before it has a number, and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from octcluster_gateway.model import Instance, State

COLUMNS = (
    "spool_id, file, sop_class, sop_instance, study, series, transfer_syntax, size_bytes, sha256, "
    "calling_ae, received, state, attempts, reason"
)
"""What ``read_entry`` needs of a row."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object that has come, as far as it is known before it has a number.

    Attributes:
        file: Name of its file.
        sop_class: UID of its SOP class.
        sop_instance: UID of the object.
        transfer_syntax: UID of its transfer syntax.
        size_bytes: Size of its file.
        sha256: SHA-256 of its data set, hexadecimal.
        calling_ae: AE title of the sender.
    """

    file: str
    sop_class: str
    sop_instance: str
    transfer_syntax: str
    size_bytes: int
    sha256: str
    calling_ae: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An instance, and the name of its file."""

    instance: Instance
    file: str


def read_entry(row: Sequence[Any]) -> Entry:
    """Makes an entry of a row with these columns."""
    spool_id, file, *texts = row[:7]
    size_bytes, sha256, calling_ae, received, state, attempts, reason = row[7:]
    sop_class, sop_instance, study, series, transfer_syntax = map(str, texts)
    return Entry(
        Instance(
            spool_id=int(spool_id),
            sop_class=sop_class,
            sop_instance=sop_instance,
            study=study,
            series=series,
            transfer_syntax=transfer_syntax,
            size_bytes=int(size_bytes),
            sha256=str(sha256),
            calling_ae=str(calling_ae),
            received=float(received),
            state=State(str(state)),
            attempts=int(attempts),
            reason=str(reason),
        ),
        str(file),
    )
