"""An object while it comes: a file in the spool that nobody else sees."""

import contextlib
import hashlib
import os
from pathlib import Path
from uuid import uuid4

from octcluster_gateway.errors import ObjectTooLarge, Refused, SpoolFull
from octcluster_gateway.spool.space import Room

_ROOM_CHECK_BYTES = 64 << 20
# So much of an object that is too large is dropped before its sender is cut off; most end before that.
_DROPPED_BYTES = 64 << 20
# Preamble (128), DICM (4) and the element that tells the length of the file meta information (12).
_HEAD_BYTES = 144


class IncomingFile:
    """Takes the bytes of a DICOM file. Once it is refused, it drops the rest.

    Attributes:
        name: Path of the file.
        refusal: Why the object is not taken; None: it is, so far.
        size_bytes: Number of bytes that came.
    """

    def __init__(self, folder: Path, room: Room, max_bytes: int) -> None:
        self.path = folder / f"{uuid4().hex}.dcm"
        self.name = str(self.path)
        self.refusal: Refused | None = None
        self.size_bytes = 0
        self._room = room
        self._max_bytes = max_bytes
        self._next_check = 0
        self._head = b""
        self._data_set_begin = 0
        self._digest = hashlib.sha256()
        self._descriptor: int | None = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    @property
    def file(self) -> "IncomingFile":
        """The file itself: pynetdicom flushes what it takes for the file of a temporary file."""
        return self

    @property
    def sha256(self) -> str:
        """SHA-256 of the data set so far, hexadecimal: without what stands before it in the file."""
        return self._digest.hexdigest()

    @property
    def is_endless(self) -> bool:
        """Whether so much more than allowed came that the sender should be cut off."""
        return self.size_bytes > self._max_bytes + _DROPPED_BYTES

    def flush(self) -> None:
        """Does nothing: no byte is held back."""

    def write(self, data: bytes) -> int:
        """Takes the next bytes; returns their number."""
        if self.refusal is None and self._descriptor is not None:
            try:
                self._check(len(data))
                self._write_all(self._descriptor, data)
            except Refused as refusal:
                self._refuse(refusal)
            except OSError:
                self._refuse(SpoolFull("the disk of the spool takes no more"))
            else:
                self._follow(data)
        self.size_bytes += len(data)
        return len(data)

    def sync(self) -> None:
        """Has the disk hold all bytes; then closes the file.

        Raises:
            Refused: The object is not taken.
        """
        if self.refusal is not None:
            raise self.refusal
        if self._descriptor is not None:
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                raise SpoolFull("the disk of the spool takes no more") from error
        self.close()

    def close(self) -> None:
        """Closes the file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def discard(self) -> None:
        """Removes the file."""
        self.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    def _check(self, count: int) -> None:
        if self.size_bytes + count > self._max_bytes:
            raise ObjectTooLarge(f"the object has more than {self._max_bytes} bytes: see --max-object-bytes")
        if self.size_bytes >= self._next_check:
            self._next_check = self.size_bytes + _ROOM_CHECK_BYTES
            self._room.check()

    def _refuse(self, refusal: Refused) -> None:
        self.refusal = refusal
        self.discard()

    @staticmethod
    def _write_all(descriptor: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def _follow(self, data: bytes) -> None:
        """Adds to the digest what is of the data set."""
        if not self._data_set_begin:
            self._head += data
            if len(self._head) < _HEAD_BYTES:
                return
            self._data_set_begin = _HEAD_BYTES + int.from_bytes(self._head[140:144], "little")
            data, before = self._head, 0
        else:
            before = self.size_bytes
        self._digest.update(memoryview(data)[max(0, self._data_set_begin - before) :])
