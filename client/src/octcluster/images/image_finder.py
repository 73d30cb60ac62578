"""Which images the rows of a table are about, by what they call them."""

import re
import unicodedata
from collections.abc import Sequence
from posixpath import splitext
from urllib.parse import unquote

from octcluster.images.image_set import Scan
from octcluster.images.table_text import TableText
from octcluster.model.errors import InvalidImageSet

_DRIVE = re.compile(r"[A-Za-z]:/")


class ImageFinder:
    """Finds images by what a table calls them."""

    def __init__(self, images: Sequence[Scan]) -> None:
        """Takes in what the images are called."""
        self._names: dict[str, list[str]] = {}
        self._files: dict[str, dict[str, Scan]] = {}
        for image in images:
            file = image.file_name
            self._names.setdefault(normalize(file), []).append(image.name)
            if image.name != file:
                self._names.setdefault(normalize(image.name), []).append(image.name)
            self._files.setdefault(splitext(normalize(file).rpartition("/")[2])[0], {})[file] = image

    def find(self, table: TableText, number: int, image: str) -> list[str]:
        """Names of the images that a row is about.

        Args:
            table: The table.
            number: Number of the row.
            image: What the row calls the image.

        Raises:
            InvalidImageSet: Several files have the name.
        """
        if (names := self._names.get(image)) is not None:
            return names
        files = self._find_files(_without_number(image)[0])
        if len(files) > 1:
            raise InvalidImageSet(
                f"{table.file}, row {number}, column '{table.columns['image']}': {len(files)} images are "
                f"called {image}; write the path relative to IMAGES, such as {min(files)}"
            )
        if not files:
            return []
        number_of_scan = _without_number(image)[1]
        return self._names.get(normalize(files[0]) + f"#{number_of_scan}" * bool(number_of_scan), [])

    def find_by_end(self, image: str) -> str | None:
        """The image that a path of another machine, or of a file in another format, may mean.

        ``D:/study/AMD/1.PNG`` and ``https://host/AMD/1.tif`` may mean ``AMD/1.png``, if no other ends so.

        Args:
            image: The path as the table writes it, with slashes.
        """
        parts = _loosen(_without_number(image)[0])
        shared: dict[int, list[str]] = {}
        for file in {file for files in self._files.values() for file in files}:
            names = _loosen(file)
            length = min(len(names), len(parts))
            if names[-length:] == parts[-length:]:
                shared.setdefault(length, []).append(file)
        files = shared[max(shared)] if shared else []
        return files[0] if len(files) == 1 else None

    def _find_files(self, end: str) -> list[str]:
        """Files whose path ends so, with or without its ending; a whole path is that of one file."""
        stem = splitext(end.rpartition("/")[2])[0]
        files = self._files.get(stem, {}) | self._files.get(end.rpartition("/")[2], {})
        if end.startswith("/") or _DRIVE.match(end):
            return [file for file, image in files.items() if image.path.absolute().as_posix() == end]
        return [
            file
            for file in files
            if f"/{normalize(file)}".endswith(f"/{end}")
            or f"/{splitext(normalize(file))[0]}".endswith(f"/{end}")
        ]


def normalize(name: str) -> str:
    """A name in composed Unicode."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _without_number(image: str) -> tuple[str, str]:
    """A path and the number of one scan in it, as in ``volume.dcm#12``."""
    file, _, number = image.rpartition("#")
    return (file, number) if number.isdecimal() else (image, "")


def _loosen(path: str) -> tuple[str, ...]:
    """The parts of a path without case, ending and what addresses escape."""
    parts = normalize(unquote(path)).casefold().split("/")
    return (*(part for part in parts[:-1] if part), splitext(parts[-1])[0])
