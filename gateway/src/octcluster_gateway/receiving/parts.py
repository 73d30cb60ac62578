"""Objects that come by HTTP, as parts of a multipart message: each goes to the disk as it comes."""

from dataclasses import dataclass, replace
from typing import Any

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from octcluster_gateway.errors import Refused, Unprocessable, UnusableObject
from octcluster_gateway.receiving.uids import is_uid
from octcluster_gateway.spool.files import describe_file
from octcluster_gateway.spool.incoming import IncomingFile
from octcluster_gateway.spool.reading import read_object
from octcluster_gateway.spool.spool import Spool

MEDIA_TYPE = "application/dicom"
_MOST_HEADER_BYTES = 8192
_NOT_DICOM = "a part is no DICOM file: its sender must correct it"


class NotMultipart(Exception):
    """The message is not made as DICOM's web services ask for."""


@dataclass(frozen=True, slots=True)
class PartOutcome:
    """What became of one part.

    Attributes:
        sop_class: UID of the object's SOP class; empty if the part is no object.
        sop_instance: UID of the object; empty likewise.
        refusal: Why it is not kept; None: it is safe.
    """

    sop_class: str
    sop_instance: str
    refusal: Refused | None


def find_boundary(content_type: str) -> bytes:
    """Finds what parts a message.

    Args:
        content_type: ``multipart/related; type="application/dicom"; boundary=...``.

    Raises:
        NotMultipart: It is something else.
    """
    kind, options = parse_options_header(content_type)
    inner = options.get(b"type", MEDIA_TYPE.encode())
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/related" or inner != MEDIA_TYPE.encode() or not 1 <= len(boundary) <= 70:
        raise NotMultipart
    return boundary


class PartsIntoSpool:
    """Takes the bytes of one message, and keeps the objects in it. It is used by one thread at a time.

    Attributes:
        outcomes: What became of each part that has ended.
        is_cut_off: Whether the message was broken off, because an object in it is much too large.
    """

    def __init__(self, spool: Spool, boundary: bytes, sender: str, study: str = "") -> None:
        """Begins a message.

        Args:
            spool: Where the objects go.
            boundary: What parts the message.
            sender: Who sends it, as the index calls it.
            study: UID of the study that all objects must be of; empty: of any.
        """
        self.outcomes: list[PartOutcome] = []
        self.is_cut_off = False
        self._spool = spool
        self._sender = sender
        self._study = study
        self._file: IncomingFile | None = None
        self._header_bytes = 0
        self._ended = False
        callbacks: dict[str, Any] = {
            "on_part_begin": self._begin,
            "on_header_field": self._count_header,
            "on_header_value": self._count_header,
            "on_part_data": self._take,
            "on_part_end": self._end,
            "on_end": self._end_all,
        }
        self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]

    def write(self, data: bytes) -> None:
        """Takes the next bytes; an object that ends in them is safe when this returns, or refused.

        Raises:
            NotMultipart: The message is broken here; objects that ended before are kept.
        """
        try:
            self._parser.write(data)
        except MultipartParseError:
            raise NotMultipart from None

    def close(self) -> None:
        """Ends the message; what has not ended of it is removed.

        Raises:
            NotMultipart: It had not ended.
        """
        file, self._file = self._file, None
        if file is not None:
            file.discard()
        if not self._ended:
            raise NotMultipart

    def _begin(self) -> None:
        self._file, self._header_bytes = self._spool.open_file(), 0

    def _count_header(self, data: bytes, start: int, end: int) -> None:
        self._header_bytes += end - start
        if self._header_bytes > _MOST_HEADER_BYTES:
            raise MultipartParseError("the headers of a part are too long")

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
            if self._file.is_endless:
                self.is_cut_off = True
                raise MultipartParseError("an object is much larger than allowed")

    def _end(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                self.outcomes.append(self._keep(file))
            finally:
                file.discard()

    def _end_all(self) -> None:
        self._ended = True

    def _keep(self, file: IncomingFile) -> PartOutcome:
        sop_class = sop_instance = ""
        try:
            if file.refusal is not None:
                raise file.refusal
            arrival = describe_file(file.path)
            if arrival is None or not (is_uid(arrival.sop_class) and is_uid(arrival.sop_instance)):
                raise UnusableObject(_NOT_DICOM)
            sop_class, sop_instance = arrival.sop_class, arrival.sop_instance
            if self._study and self._study != _read_study(file):
                raise UnusableObject("an object is of another study than it was sent to")
            self._spool.keep(file, replace(arrival, calling_ae=self._sender))
        except Refused as refusal:
            return PartOutcome(sop_class, sop_instance, refusal)
        return PartOutcome(sop_class, sop_instance, None)


def _read_study(file: IncomingFile) -> str:
    try:
        found = read_object(file.path, ["StudyInstanceUID"])
        return str(found.get("StudyInstanceUID") or "")
    except Unprocessable as error:
        raise UnusableObject(f"an object is not taken: {error}") from None
    except Exception:
        raise UnusableObject(_NOT_DICOM) from None
