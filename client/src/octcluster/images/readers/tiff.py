"""TIFF files of several pages, each of which is a scan; one of a single page is a plain image."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from octcluster.images.headers import FileHead, UnreadableImage
from octcluster.images.readers.pages import read_page
from octcluster.images.readers.reader import Pixels, ScanFacts, SourceFile
from octcluster.images.reasons import DAMAGED

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import TiffImageFile

_NEW_SUBFILE_TYPE, _BITS_PER_SAMPLE = 254, 258
_REDUCED_SIZE, _MASK = 1, 4  # bits of NewSubfileType


class _Layout(NamedTuple):
    """How a TIFF file links its directories, one for each page."""

    first: int
    offset: Struct
    entries: Struct
    entry_bytes: int


_LAYOUTS = {
    b"II*\0": _Layout(4, Struct("<I"), Struct("<H"), 12),
    b"MM\0*": _Layout(4, Struct(">I"), Struct(">H"), 12),
    b"II+\0": _Layout(8, Struct("<Q"), Struct("<Q"), 20),
}


class TiffReader:
    """Reads TIFF files of several pages; pages become grey by the rules of the embedder."""

    format = "TIFF"
    endings: Sequence[str] = ()

    def recognises(self, head: bytes) -> bool:
        """See Reader; whether there are several pages, has_several_pages tells."""
        return head[:4] in _LAYOUTS

    def look(self, path: Path) -> SourceFile:
        """See Reader."""
        with _opened(path) as image:
            kept, left_out = _sort_pages(image)
            return SourceFile(self.format, [_describe_page(image, page) for page in kept], left_out)

    def read(self, path: Path, numbers: Sequence[int]) -> Iterator[Pixels]:
        """See Reader."""
        with _opened(path) as image:
            kept, _ = _sort_pages(image)
            for number in numbers:
                image.seek(kept[number - 1])
                yield read_page(image)


def has_several_pages(head: FileHead) -> bool:
    """Whether a TIFF file goes on after its first page; reads more of it only where that is too little."""

    def read_head(start: int, size: int) -> bytes:
        return head.data[start : start + size]

    def read_file(start: int, size: int) -> bytes:
        with head.path.open("rb", buffering=0) as file:
            file.seek(start)
            return file.read(size)

    # What is damaged counts as a plain image: whoever decodes it tells the reason.
    with contextlib.suppress(Exception):
        return _links_on(head.data, read_head)
    with contextlib.suppress(Exception):
        return _links_on(head.data, read_file)
    return False


def _links_on(head: bytes, read: Callable[[int, int], bytes]) -> bool:
    """Whether the first directory names another one; struct.error if the bytes end before."""
    layout = _LAYOUTS[head[:4]]
    (directory,) = layout.offset.unpack(read(layout.first, layout.offset.size))
    (entries,) = layout.entries.unpack(read(directory, layout.entries.size))
    link = directory + layout.entries.size + entries * layout.entry_bytes
    (following,) = layout.offset.unpack(read(link, layout.offset.size))
    return bool(following)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator["TiffImageFile"]:
    from PIL import Image  # noqa: PLC0415

    try:
        with Image.open(path, formats=("TIFF",)) as image:
            yield image  # type: ignore[misc]
    except UnreadableImage:
        raise
    except Exception as error:  # Pillow raises a dozen kinds for broken files
        raise UnreadableImage(DAMAGED) from error


def _sort_pages(image: "TiffImageFile") -> tuple[list[int], dict[str, int]]:
    """The pages that are scans, from 0, and the number of the others by what they are."""
    kept: list[int] = []
    left_out: dict[str, int] = {}
    for page in range(image.n_frames):
        image.seek(page)
        kind = image.tag_v2.get(_NEW_SUBFILE_TYPE, 0)
        if kind & (_REDUCED_SIZE | _MASK):
            name = "mask" if kind & _MASK else "page of reduced size"
            left_out[name] = left_out.get(name, 0) + 1
        else:
            kept.append(page)
    return kept, left_out


def _describe_page(image: "TiffImageFile", page: int) -> ScanFacts:
    image.seek(page)
    bits = image.tag_v2.get(_BITS_PER_SAMPLE, (1,))[0]
    return ScanFacts(height=image.height, width=image.width, bits=bits)
