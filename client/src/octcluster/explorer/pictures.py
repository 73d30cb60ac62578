"""Pictures of images: small ones from a cache on this machine, large ones from the file at each call."""

import io
import os
import secrets
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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
_TRIED = 2000
_SCANS_AT_ONCE = 64
_OWN = 0o600
_QUALITY = 85
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
        # The processes that read volumes are shared, and each call uses all processors.
        self._one_volume = threading.Lock()
        self._can_check = not result.of_vectors and check_of_secret(key_secret) == result.key_check

    def count_gone(self) -> int:
        """Number of images that are not where they were; 0 if all of many that were looked for are there."""
        images = len(self._result.names)
        first = range(0, images, max(1, images // _TRIED))
        if len(first) < images and all(map(self._is_there, first)):
            return 0
        return sum(not self._is_there(row) for row in range(images))

    def _is_there(self, row: int) -> bool:
        return os.path.isfile(self._result.scan(row).path)

    def small(self, row: int, side: int) -> bytes:
        """A small grey picture of a row, as JPEG, with nothing of the file but its pixels.

        Raises:
            NotThere: The image cannot be read.
        """
        kept = self._place(row, side)
        try:
            return kept.read_bytes()
        except OSError:
            pass
        if self._result.scan(row).number is not None:
            return self._read_volume(row, side)
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
            with self._one_volume:
                return _read_scan(scan, draw)
        except NotThere:
            raise
        except Exception as error:  # Pillow raises a dozen kinds for broken files
            raise NotThere(_GONE) from error

    def _read_volume(self, row: int, side: int) -> bytes:
        """The small pictures of the scans about this one in its file, opened once for all of them."""
        with self._one_volume:
            try:
                return self._place(row, side).read_bytes()  # another request has read the file meanwhile
            except OSError:
                pass
            scans = [(one, self._result.scan(one)) for one in self._list_beside(row)]
            drawn: dict[int, bytes] = {}
            for one, answer in decode_scans(scans, partial(draw_small, side=side)):
                if not isinstance(answer, UnreadableImage):
                    drawn[one] = answer
                    self._keep(self._place(one, side), answer)
        if row not in drawn:
            raise NotThere(_GONE)
        return drawn[row]

    def _list_beside(self, row: int) -> list[int]:
        """Rows of the scans in the file of a scan, the nearest by their number."""
        volumes, numbers = self._result.categories.get("volume"), self._result.numbers
        if volumes is None or numbers is None:
            return [row]
        rows = np.flatnonzero(volumes.codes == volumes.codes[row])
        nearest = np.argsort(np.abs(numbers[rows] - numbers[row]), kind="stable")[:_SCANS_AT_ONCE]
        beside: list[int] = rows[nearest].tolist()
        return beside

    def _place(self, row: int, side: int) -> Path:
        """Where a small picture is kept: under the name of the image's content."""
        key = self._result.image_keys[row]
        return self._cache / key[:2] / f"{key}-{side}.jpeg"

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
    """A small JPEG picture of an encoded image, its longer side this many pixels.

    JPEG takes a tenth of the time of WebP, and a wall waits for dozens of them.
    """
    from PIL import Image  # noqa: PLC0415

    with Image.open(io.BytesIO(content)) as image:
        share = side / max(image.size)
        image.draft("L", (int(image.width * share), int(image.height * share)))
        grey = _to_grey(image)
    grey.thumbnail((side, side))
    return _encode(grey, "JPEG", quality=_QUALITY)


def draw_full(content: bytes) -> bytes:
    """A lossless WebP picture of an encoded image, at its own size."""
    from PIL import Image  # noqa: PLC0415

    with Image.open(io.BytesIO(content)) as image:
        return _encode(_to_grey(image), "WEBP", lossless=True, method=0)


def _encode(grey: "Image", kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    grey.info = {}  # a comment of the file would go along
    grey.save(stream, kind, **options)
    return stream.getvalue()


def _to_grey(image: "Image") -> "Image":
    """Upright and with 8 bits; Pillow's own conversion would clip 16 bits at 255."""
    from PIL import ImageOps  # noqa: PLC0415

    upright = ImageOps.exif_transpose(image)
    if upright.mode[0] == "I":
        upright = upright.convert("I").point(lambda value: value * (1 / 257) + 0.5)
    return upright.convert("L")
