"""What a reader of one file format does and finds: first no pixels, then those that are asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

Eye = Literal["OD", "OS"]


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """What a source file tells of one of its scans; None or 0: it does not tell.

    Attributes:
        patient: The patient's id, as written. Stays on this machine.
        eye: ``OD``, the right one, or ``OS``.
        visit: Day of the visit, ``2024-01-31``.
        device: Maker and model.
        volume: The same for all scans of a volume, in one file or several; of no other. Stays on this
            machine.
        position: Place in its volume, from 0.
        height: In pixels.
        width: In pixels.
        bits: Bits of a pixel that the device wrote.
        axial_mm: Height of a pixel in millimetres.
        lateral_mm: Width of a pixel in millimetres.
        distance_mm: From the B-scan before, in millimetres.
    """

    patient: str | None = None
    eye: Eye | None = None
    visit: str | None = None
    device: str | None = None
    volume: str | None = None
    position: int | None = None
    height: int = 0
    width: int = 0
    bits: int = 8
    axial_mm: float | None = None
    lateral_mm: float | None = None
    distance_mm: float | None = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """What a file holds.

    Attributes:
        format: For people: ``DICOM``.
        scans: Its B-scans, in the order of the file; the first has the number 1.
        left_out: Number of other contents by their name for people: ``{"fundus image": 1}``.
        warnings: What a person should know before relying on the scans: sentences without names and ids.
        parts: Other files that belong to it, for example the images that an XML export names: they are no
            images of their own.
    """

    format: str
    scans: Sequence[ScanFacts]
    left_out: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    parts: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Pixels:
    """A grey image without any loss.

    Attributes:
        data: Rows from top to bottom without padding; 16 bits: little endian.
        height: In pixels.
        width: In pixels.
        bits: 8 or 16: those of ``data``. Values fill this range as the file means it: black is 0, and white
            2**bits - 1 (after rescale, window and MONOCHROME1).
    """

    data: bytes
    height: int
    width: int
    bits: Literal[8, 16]


class Reader(Protocol):
    """Reads the files of one format. Its methods may run in a process of their own.

    Attributes:
        format: For people: ``DICOM``.
        endings: For a format without a header that tells it: endings in lower case. Its reader is asked for
            such files, if no other reader recognises them.
    """

    format: str
    endings: Sequence[str]

    def recognises(self, head: bytes) -> bool:
        """Whether a file with this beginning (16 KiB, or all of a shorter file) is of this format."""

    def look(self, path: Path) -> SourceFile:
        """Tells what a file holds; decodes no pixels where the format allows that.

        Raises:
            UnreadableImage: It cannot be read; the message says why and the cure, and names no file.
        """

    def read(self, path: Path, numbers: Sequence[int]) -> Iterator[Pixels]:
        """Yields the pixels of scans of these numbers (from 1), in their order, decoding one at a time.

        Raises:
            UnreadableImage: See look.
        """
