"""The images of an export: files beside the one that names them."""

import os
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers import header_values as values
from octcluster.images.readers.reader import Pixels
from octcluster.images.reasons import DAMAGED

_FORMATS = ("BMP", "JPEG", "PNG", "TIFF")


class FolderFiles:
    """The files of a folder, by names as exports write them: with another machine's path, in any case."""

    def __init__(self, folder: Path) -> None:
        """Lists the folder.

        Raises:
            UnreadableImage: It cannot be read.
        """
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            raise UnreadableImage(f"the folder cannot be read: {error.strerror}") from error
        self._folder = folder
        self._names = {name.lower(): name for name in names} | {name: name for name in names}

    def find(self, url: str) -> Path | None:
        """Finds the file of this name, whatever folder the address names; None if it is not there."""
        name = url.replace("\\", "/").rpartition("/")[2]
        for spelling in (name, unquote(name)):
            found = self._names.get(spelling) or self._names.get(spelling.lower())
            if found is not None and (self._folder / found).is_file():
                return self._folder / found
        return None


def measure(file: Path) -> tuple[int, int, Literal[8, 16]] | None:
    """Height, width and bits of an image, from its header; None if it is unreadable."""
    try:
        with _open(file) as image:
            return image.height, image.width, _count_bits(image)
    except UnreadableImage:
        return None


def decode(file: Path) -> Pixels:
    """Decodes a grey image, also one that is stored as a picture in colour.

    Raises:
        UnreadableImage: It shows colours, or is damaged.
    """
    with _open(file) as image:
        bits = _count_bits(image)
        try:
            data = image.tobytes() if bits == 16 else _decode_grey(image)
        except UnreadableImage:
            raise
        except Exception as error:  # Pillow raises a dozen kinds for broken files
            raise UnreadableImage(DAMAGED) from error
        if image.mode == "I;16B":
            big_endian = array("H", data)
            big_endian.byteswap()
            data = big_endian.tobytes()
        return Pixels(data, image.height, image.width, bits)


def _decode_grey(image: Any) -> bytes:
    picture = image.convert("L" if image.mode in ("1", "L") else "RGB")
    channels: list[bytes] = [channel.tobytes() for channel in picture.split()]
    if any(channel != channels[0] for channel in channels):
        raise UnreadableImage(
            "an image of the export shows colours: export the volume without marks in its images"
        )
    return channels[0]


def _count_bits(image: Any) -> Literal[8, 16]:
    return 16 if image.mode.startswith("I;16") else 8


@contextmanager
def _open(file: Path) -> Iterator[Any]:
    """Opens an image without decoding it.

    Raises:
        UnreadableImage: It is none, or has impossibly many pixels.
    """
    from PIL import Image  # noqa: PLC0415

    try:
        image = Image.open(file, formats=_FORMATS)
    except Exception as error:  # Pillow raises a dozen kinds for broken files
        raise UnreadableImage(DAMAGED) from error
    with image:
        values.check_size(image.width, image.height, 1)
        yield image
