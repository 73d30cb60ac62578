"""WebP and PNG files of several frames, each of which is a scan; those of one frame are plain images."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from octcluster.images.headers import UnreadableImage, has_several_frames
from octcluster.images.readers.pages import read_page
from octcluster.images.readers.reader import Pixels, ScanFacts, SourceFile
from octcluster.images.reasons import DAMAGED

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile


class FramesReader:
    """Reads animations, in which some programs keep volumes; frames are shown as a viewer would."""

    format = "animated WebP or PNG"
    endings: Sequence[str] = ()

    def recognises(self, head: bytes) -> bool:
        """See Reader."""
        return has_several_frames(head)

    def look(self, path: Path) -> SourceFile:
        """See Reader."""
        with _opened(path) as image:
            facts = ScanFacts(height=image.height, width=image.width)
            return SourceFile(self.format, [facts] * getattr(image, "n_frames", 1))

    def read(self, path: Path, numbers: Sequence[int]) -> Iterator[Pixels]:
        """See Reader."""
        with _opened(path) as image:
            for number in numbers:
                image.seek(number - 1)
                yield read_page(image)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator["ImageFile"]:
    from PIL import Image  # noqa: PLC0415

    try:
        with Image.open(path, formats=("WEBP", "PNG")) as image:
            yield image
    except UnreadableImage:
        raise
    except Exception as error:  # Pillow raises a dozen kinds for broken files
        raise UnreadableImage(DAMAGED) from error
