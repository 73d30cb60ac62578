"""A text file with one path a line, which may also name single scans of a file: ``volume.dcm#12``."""

import codecs
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from octcluster.images.image_set import Scan
from octcluster.model.errors import InvalidImageSet

_HEAD_BYTES = 512
_ARCHIVES = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b",
    b"BZh",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
)
"""How zip, gzip, bzip2, 7z, RAR, xz and Zstandard begin."""
_TAR_AT = 257
_SCAN = re.compile(r"(?P<file>.+)#(?P<number>[1-9]\d{0,8})")


@dataclass
class PathList:
    """What a list names.

    Attributes:
        root: Folder that the names are relative to.
        names: The files, each once.
        numbers: Of files of which only some scans are named, the numbers of these, by name of the file.
    """

    root: Path
    names: list[str]
    numbers: Mapping[str, set[int]] = field(default_factory=dict)

    def take(self, scans: list[Scan]) -> list[Scan]:
        """Leaves out scans that are not named; named ones that do not exist are faults."""
        if not self.numbers:
            return scans
        taken: list[Scan] = []
        left = {name: set(numbers) for name, numbers in self.numbers.items()}
        for scan in scans:
            numbers = left.get(scan.file_name)
            if numbers is None or scan.fault is not None:
                left.pop(scan.file_name, None)
                taken.append(scan)
            elif (scan.number or 1) in numbers:
                numbers.remove(scan.number or 1)
                taken.append(scan)
        taken += [
            Scan(self.root, f"{name}#{number}", fault="the file does not hold so many B-scans")
            for name, numbers in left.items()
            for number in sorted(numbers)
        ]
        return taken


def read_path_list(file: Path) -> PathList:
    """Reads a list; blank lines and those that begin with ``#`` are skipped.

    Args:
        file: The list; paths in it are relative to its folder.

    Raises:
        InvalidImageSet: It cannot be read, or names nothing.
    """
    lines = map(str.strip, _read_lines(file))
    found = list_paths([line for line in lines if line and not line.startswith("#")], file.parent)
    if not found.names:
        raise InvalidImageSet(f"no image in {file}: it should hold one path a line")
    if not any(os.path.lexists(found.root / name) for name in found.names):
        raise InvalidImageSet(
            f"no line of {file} is the path of a file: it should hold one path a line, relative to its folder"
        )
    return found


def list_paths(entries: Iterable[str], root: Path) -> PathList:
    """Lists files, and single scans of them, that are named by paths.

    Args:
        entries: The paths, as in a list.
        root: What they, and the names, are relative to.
    """
    files: dict[str, None] = {}
    numbers: dict[str, set[int]] = {}
    whole: set[str] = set()
    for entry in entries:
        path, single = root / entry, _SCAN.fullmatch(entry)
        if single is not None and not os.path.lexists(path) and (root / single["file"]).exists():
            path = root / single["file"]
        else:
            single = None
        name = _name_in_list(path, root)
        files[name] = None
        if single is None:
            whole.add(name)
        else:
            numbers.setdefault(name, set()).add(int(single["number"]))
    return PathList(root, list(files), {name: numbers[name] for name in numbers.keys() - whole})


def _read_lines(file: Path) -> list[str]:
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
            if head.startswith(_ARCHIVES) or head[_TAR_AT:].startswith(b"ustar"):
                raise InvalidImageSet(f"{file} is an archive: unpack it, and give the folder")
            data = head + opened.read()
    except OSError as error:
        raise InvalidImageSet(f"cannot read {file}: {error.strerror}") from error
    is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InvalidImageSet(
            f"{file} is neither a volume that octcluster reads nor a list of paths in UTF-8: give a folder "
            "of images, or save the list as UTF-8, one path a line"
        )
    return text.splitlines()


def _name_in_list(path: Path, root: Path) -> str:
    """The path relative to the list's folder; a path outside of it stays absolute."""
    absolute = Path(os.path.abspath(path))
    if ".." in path.parts and os.path.realpath(path) != os.path.realpath(absolute):
        absolute = Path(os.path.realpath(path))  # a link lies before the two dots
    base = Path(os.path.abspath(root))
    return (absolute.relative_to(base) if absolute.is_relative_to(base) else absolute).as_posix()
