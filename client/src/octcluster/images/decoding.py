"""The pixels of scans, wherever they lie: in plain images, or in files that hold several."""

from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from octcluster.images.headers import UnreadableImage
from octcluster.images.image_set import Scan
from octcluster.images.readers.processes import read_scans

T = TypeVar("T")
R = TypeVar("R")


def decode_scans(
    scans: Iterable[tuple[T, Scan]], use: Callable[[bytes], R]
) -> Iterator[tuple[T, R | UnreadableImage]]:
    """Reads scans out of files that hold several, several files at a time.

    Args:
        scans: The scans, none of them a plain image, each with what it is called here.
        use: See read_scans.

    Yields:
        What each scan is called, and what was made of it or why it cannot be read; in any order.
    """
    called: dict[Path, dict[int, T]] = {}
    for name, scan in scans:
        called.setdefault(scan.path, {})[scan.number or 1] = name
    for path, number, answer in read_scans([(path, list(names)) for path, names in called.items()], use):
        yield called[path][number], answer


def open_scan(scan: Scan) -> Path | BytesIO:
    """An encoded image with the pixels of a scan: its file, if that is a plain image.

    Raises:
        UnreadableImage: It cannot be read.
    """
    if scan.number is None:
        return scan.path
    for _, answer in decode_scans([(None, scan)], bytes):
        if isinstance(answer, UnreadableImage):
            raise answer
        return BytesIO(answer)
    raise AssertionError("a scan or a reason comes")
