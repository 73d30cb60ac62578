"""Pictures of images: small ones from a cache on this machine, large ones from the file at each call."""

import io
import os
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octcluster.explorer.result import Result
from octcluster.images.decoding import decode_scans
from octcluster.images.headers import UnreadableImage
from octcluster.images.image_set import Scan
from octcluster.images.keys import check_of_secret, image_key
from octcluster.local.private_folders import make_private_folder
from octcluster.model.errors import NotThere

if TYPE_CHECKING:
    from PIL.Image import Image

SIDES = (96, 128, 192)
FULL = "full"
_TRIED = 20
_OWN = 0o600
_QUALITY = 70
_GONE = "the image is not where it was, or cannot be read: name its folder with --images FOLDER"
_CHANGED = "the file holds another image than in the run: put back the one of the run, or do the run again"


class Pictures:
    """Pictures of a result's images.

    Args:
        result: The result.
        cache: Folder for small pictures; made if need be, for this user alone.
        key_secret: The site's secret for image keys.
    """

    def __init__(self, result: Result, cache: Path, key_secret: bytes) -> None:
        self._result = result
        self._cache = cache
        self._secret = key_secret
        self._can_check = check_of_secret(key_secret) == result.key_check

    @property
    def are_there(self) -> bool:
        """Whether any of the first images is where it was."""
        return any(
            self._result.scan(row).path.is_file() for row in range(min(_TRIED, len(self._result.names)))
        )

    def small(self, row: int, side: int) -> bytes:
        """A small grey picture of a row, as WebP, with nothing of the file but its pixels.

        Raises:
            NotThere: The image cannot be read.
        """
        key = self._result.image_keys[row]
        kept = self._cache / key[:2] / f"{key}-{side}.webp"
        try:
            return kept.read_bytes()
        except OSError:
            picture = self._make(row, partial(draw_small, side=side))
        self._keep(kept, picture)
        return picture

    def full(self, row: int) -> bytes:
        """The whole picture of a row, grey, as lossless WebP; raises NotThere if it cannot be read."""
        return self._make(row, draw_full)

    def _make(self, row: int, draw: Callable[[bytes], bytes]) -> bytes:
        try:
            scan = self._result.scan(row)
            if scan.number is None:
                content = scan.path.read_bytes()
                self._check(row, content)
                return draw(content)
            return _read_scan(scan, draw)
        except NotThere:
            raise
        except Exception as error:  # Pillow raises a dozen kinds for broken files
            raise NotThere(_GONE) from error

    def _check(self, row: int, content: bytes) -> None:
        if self._can_check and image_key(content, self._secret).hex() != self._result.image_keys[row]:
            raise NotThere(_CHANGED)

    def _keep(self, path: Path, picture: bytes) -> None:
        """Keeps a picture if there is room."""
        try:
            make_private_folder(path.parent)
            part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWN), "wb") as file:
                file.write(picture)
            part.replace(path)
        except OSError:
            return


def _read_scan(scan: Scan, draw: Callable[[bytes], bytes]) -> bytes:
    for _, answer in decode_scans([(None, scan)], draw):
        if isinstance(answer, UnreadableImage):
            raise answer
        return answer
    raise AssertionError("a scan or a reason comes")


def draw_small(content: bytes, side: int) -> bytes:
    """A small WebP picture of an encoded image, its longer side this many pixels."""
    from PIL import Image  # noqa: PLC0415

    with Image.open(io.BytesIO(content)) as image:
        image.draft("L", (side, side))
        grey = _to_grey(image)
    grey.thumbnail((side, side))
    return _encode(grey, quality=_QUALITY, method=2)


def draw_full(content: bytes) -> bytes:
    """A lossless WebP picture of an encoded image, at its own size."""
    from PIL import Image  # noqa: PLC0415

    with Image.open(io.BytesIO(content)) as image:
        return _encode(_to_grey(image), lossless=True, method=0)


def _encode(grey: "Image", **options: Any) -> bytes:
    stream = io.BytesIO()
    grey.save(stream, "WEBP", **options)
    return stream.getvalue()


def _to_grey(image: "Image") -> "Image":
    """Upright and with 8 bits; Pillow's own conversion would clip 16 bits at 255."""
    from PIL import ImageOps  # noqa: PLC0415

    upright = ImageOps.exif_transpose(image)
    if upright.mode[0] == "I":
        upright = upright.convert("I").point(lambda value: value * (1 / 257) + 0.5)
    return upright.convert("L")
