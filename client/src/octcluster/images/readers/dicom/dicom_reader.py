"""The reader of DICOM files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from octcluster.images.readers.dicom.elements import guess_syntax
from octcluster.images.readers.dicom.file import open_dicom
from octcluster.images.readers.reader import Pixels, SourceFile

_PREAMBLE_BYTES = 128
_PREFIX = b"DICM"


class DicomReader:
    """Reads ophthalmic tomography, and B-scans in other objects that say that they hold them."""

    format = "DICOM"
    endings: Sequence[str] = ()

    def recognises(self, head: bytes) -> bool:
        """Whether a file begins as DICOM: with its prefix, or with data elements where both are missing."""
        return head[_PREAMBLE_BYTES:].startswith(_PREFIX) or guess_syntax(head) is not None

    def look(self, path: Path) -> SourceFile:
        """Reads the header: what each frame is, or what is left out.

        Raises:
            UnreadableImage: It cannot be read; the message quotes nothing of it but numbers and names of the
                standard.
        """
        from octcluster.images.readers.dicom.facts import tell_facts  # noqa: PLC0415
        from octcluster.images.readers.dicom.frames import find_frames  # noqa: PLC0415
        from octcluster.images.readers.dicom.grey import read_rules  # noqa: PLC0415
        from octcluster.images.readers.dicom.objects import tell_kind  # noqa: PLC0415

        with open_dicom(path) as file:
            kind = tell_kind(file.sop_class, file.header)
            warnings = [kind.warning] if kind.warning else []
            if kind.left_out is not None:
                return SourceFile(self.format, (), {kind.left_out: 1}, warnings)
            frames = find_frames(file)
            read_rules(file, frames.layout)
            scans, doubts = tell_facts(file, frames.layout.n_frames)
            warnings += doubts
            if frames.has_more:
                warnings.append(
                    "The file holds more frames than its header tells of, which are not read: export it again"
                )
            if frames.layout.samples == 3:
                warnings.append("The B-scans are in colour: their brightness is taken by ITU-R 601")
            if str(file.header.get("BurnedInAnnotation") or "").strip().upper() == "YES":
                warnings.append(
                    "The file says that text is burned into its pixels, which may name the patient: export "
                    "it without"
                )
            return SourceFile(self.format, scans, {}, warnings)

    def read(self, path: Path, numbers: Sequence[int]) -> Iterator[Pixels]:
        """Yields the pixels of frames, decoding one at a time.

        Raises:
            UnreadableImage: See look.
        """
        from octcluster.images.readers.dicom.decoding import decode_frame  # noqa: PLC0415
        from octcluster.images.readers.dicom.frames import find_frames  # noqa: PLC0415
        from octcluster.images.readers.dicom.grey import read_rules, to_grey  # noqa: PLC0415

        with open_dicom(path) as file:
            frames = find_frames(file)
            rules = read_rules(file, frames.layout)
            for number in numbers:
                yield to_grey(decode_frame(frames, number - 1), frames.layout, rules[number - 1])
