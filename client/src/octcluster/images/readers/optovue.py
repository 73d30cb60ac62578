"""Optovue OCT: pixels as floats without a header, and a text file of the same name that says how many."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers import header_values as values
from octcluster.images.readers.reader import Eye, Pixels, ScanFacts, SourceFile

_MAX_TEXT_BYTES = 2**20
_BLOCK_VALUES = 2**22
_INVALID = 1e30
_CURE = "keep both as the device exported them, or export DICOM"
_GREYS = "Optovue OCT does not tell which values are black and white: each file's least and largest are taken"


@dataclass(frozen=True, slots=True)
class _Text:
    """What the text file tells: the eye, and height, width and number of the B-scans of each volume."""

    eye: Eye | None
    volumes: Sequence[tuple[int, int, int]]


class OptovueReader:
    """Reads Optovue OCT. Needs NumPy. Not tried on real files."""

    format = "Optovue OCT"
    endings: Sequence[str] = (".oct",)

    def recognises(self, head: bytes) -> bool:
        """Never: the format has no header. See ``endings``."""
        return False

    def look(self, path: Path) -> SourceFile:
        """See ``reader.Reader``. No pixel is read."""
        text = _read_text(path)
        scans: list[ScanFacts] = []
        for number, (height, width, count) in enumerate(text.volumes, start=1):
            facts = ScanFacts(
                eye=text.eye,
                device="Optovue",
                volume=values.name_volume(path, number),
                height=height,
                width=width,
                bits=32,
            )
            scans += values.number_scans(facts, count)
        return SourceFile(self.format, scans, {}, [_GREYS])

    def read(self, path: Path, numbers: Sequence[int]) -> Iterator[Pixels]:
        """See ``reader.Reader``. Scans are stored column by column, from the bottom."""
        import numpy as np  # noqa: PLC0415

        scans = list(_place_scans(_read_text(path)))
        values.check_numbers(numbers, len(scans))
        with values.open_source(path) as file:
            least, largest = _find_range(file)
            scale = 65535 / (largest - least) if largest > least else 0.0
            for number in numbers:
                place, height, width = scans[number - 1]
                data = values.read_exactly(file, place, 4 * height * width)
                columns: Any = np.frombuffer(data, "<f4").reshape(width, height)
                columns = np.where(np.abs(columns) < _INVALID, columns, np.float32(least))
                grey = np.clip(np.rint((columns - least) * scale), 0, 65535).astype("<u2")
                yield Pixels(grey[:, ::-1].T.tobytes(), height, width, 16)


def _place_scans(text: _Text) -> Iterator[tuple[int, int, int]]:
    """Place, height and width of each scan of the volumes, which follow each other."""
    place = 0
    for height, width, count in text.volumes:
        for _ in range(count):
            yield place, height, width
            place += 4 * height * width


def _read_text(path: Path) -> _Text:
    """Reads the text file, and checks it against the size of the other one.

    Raises:
        UnreadableImage: There is none, or both do not agree.
    """
    beside = next((each for ending in (".txt", ".TXT") if (each := path.with_suffix(ending)).is_file()), None)
    if beside is None:
        raise UnreadableImage(
            f"it is no Bioptigen file, and there is no Optovue text file beside it: {_CURE}"
        )
    with values.open_source(beside) as file:
        text = file.read(_MAX_TEXT_BYTES).decode("latin-1")
    volumes, height, width = [], 0, 0
    eye: Eye | None = None
    for line in text.splitlines():
        number = next((int(each) for each in re.findall(r"(?<![\d.])\d{1,9}(?![\d.])", line)), 0)
        if "Window Height" in line:
            height = number
        elif "Scan Length" in line:
            width = number
        elif "Scan Usage" in line and width:
            values.check_size(width, height, number)
            volumes.append((height, width, number))
            width = 0
        elif "Eye Scanned" in line and (found := re.search(r"\bO[DS]\b", line)):
            eye = values.as_eye(found[0])
    with values.open_source(path) as file:
        size = values.file_bytes(file)
    if not volumes or size != sum(4 * height * width * count for height, width, count in volumes):
        raise UnreadableImage(f"the file and the text file beside it do not agree on a size: {_CURE}")
    return _Text(eye, volumes)


def _find_range(file: BinaryIO) -> tuple[float, float]:
    """The least and the largest value of the file; two zeros if there is none."""
    import numpy as np  # noqa: PLC0415

    least, largest = np.inf, -np.inf
    file.seek(0)
    while block := file.read(4 * _BLOCK_VALUES):
        found: Any = np.frombuffer(block[: len(block) // 4 * 4], "<f4")
        found = found[np.abs(found) < _INVALID]
        if found.size:
            least, largest = min(least, float(found.min())), max(largest, float(found.max()))
    return (least, largest) if np.isfinite(least) else (0.0, 0.0)
