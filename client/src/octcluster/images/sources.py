"""From files to scans: what each file is, by its content, and what those hold that are no plain images."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from os.path import abspath
from pathlib import Path, PurePath
from typing import Literal, NamedTuple

from octcluster.concurrency import map_concurrently
from octcluster.images.headers import FileHead, UnreadableImage, has_more_pictures, is_plain_image, read_head
from octcluster.images.image_set import Scan
from octcluster.images.notes import Note
from octcluster.images.readers.processes import look_into
from octcluster.images.readers.reader import SourceFile
from octcluster.images.readers.registry import find_reader
from octcluster.images.readers.tiff import TiffReader, has_several_pages
from octcluster.model.progress import Progress

IMAGE_ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_VOLUME_ENDINGS = {
    ".dcm": "DICOM",
    ".dicom": "DICOM",
    ".e2e": "Heidelberg",
    ".sdb": "Heidelberg",
    ".vol": "Heidelberg",
    ".fda": "Topcon",
    ".fds": "Topcon",
    ".img": "Zeiss",
    ".oct": "Bioptigen or Optovue",
}
_MORE_PICTURES = (
    "JPEG files that hold several pictures (MPO): the first is read; if the others are B-scans, save them as "
    "files of their own"
)
_READERS = 8
_FILES_AT_ONCE = 64
# Slower than any file that lies in memory, or on a disk without moving parts.
_SLOW_SECONDS_A_FILE = 0.0005
_SECONDS_UNTOLD = 1.0


class _LateStage:
    """A stage that nobody is told of if it is over at once."""

    def __init__(self, progress: Progress, name: str, total: int) -> None:
        self._progress, self._name, self._total = progress, name, total
        self._tells_from = time.monotonic() + _SECONDS_UNTOLD
        self._is_told = False

    def update(self, done: int) -> None:
        """See Progress.update."""
        if not self._is_told and time.monotonic() >= self._tells_from:
            self._is_told = True
            self._progress.stage(self._name, self._total, "files")
        if self._is_told:
            self._progress.update(done, self._total)


class _LookedAt(NamedTuple):
    """What a file is, by its name, and its beginning, if that could be read."""

    name: str
    kind: Literal["image", "container", "unknown"]
    head: FileHead | None


@dataclass
class Contents:
    """What files hold.

    Attributes:
        scans: The scans, and the files that cannot be read, each with its fault.
        ignored: Number of the other files by extension in lower case.
        formats: See ImageSet.
        left_out: See ImageSet.
        warnings: Number of files by what is to be known of their scans.
    """

    scans: list[Scan] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)


def find_contents(
    root: Path,
    names: Sequence[str],
    progress: Progress,
    *,
    listed: bool = False,
    on_head: Callable[[FileHead], None] | None = None,
) -> Contents:
    """Finds out what files are, and which scans they hold.

    Args:
        root: Folder that the names are relative to.
        names: The files.
        progress: Told how far it is. Stages are "Looking at files", if that takes more than a moment, and
            "Opening volumes", if there are any.
        listed: Whether a person has named each file, so that none is ignored.
        on_head: Given the beginning of each plain image, so that nobody need read it again.

    Returns:
        The scans and what else there is.
    """
    contents = Contents()
    containers: list[str] = []
    stage = _LateStage(progress, "Looking at files", len(names))
    batches = (names[start : start + _FILES_AT_ONCE] for start in range(0, len(names), _FILES_AT_ONCE))
    done = 0
    for looked_at in _look_at_all(root, batches):
        for name, kind, head in looked_at:
            ending = PurePath(name).suffix.lower()
            if kind == "container":
                containers.append(name)
            elif kind == "image" or listed or ending in IMAGE_ENDINGS:
                contents.scans.append(Scan(root, name))
                if head is not None and has_more_pictures(head.data):
                    contents.warnings[_MORE_PICTURES] += 1
                if head is not None and on_head is not None:
                    on_head(head)
            elif (maker := _VOLUME_ENDINGS.get(ending)) and head is not None:
                contents.scans.append(Scan(root, name, fault=_explain_unknown(maker, head)))
            else:
                contents.ignored[ending] += 1
        done += len(looked_at)
        stage.update(done)
    _open_containers(root, containers, contents, progress, listed=listed)
    return contents


def describe_contents(contents: Contents) -> list[Note]:
    """Says what was left out of files with scans, and what their readers warn of."""
    notes = [
        Note("reader_warning", f"{text} ({files:,} file{'' if files == 1 else 's'})", files, to_mend=True)
        for text, files in sorted(contents.warnings.items())
    ]
    if contents.left_out:
        shown = ", ".join(f"{kind} ({number:,})" for kind, number in sorted(contents.left_out.items()))
        notes.append(
            Note("left_out", f"Only B-scans are used. Left out: {shown}.", contents.left_out.total())
        )
    return notes


def tell_kind(path: Path) -> Literal["image", "container", "unknown"]:
    """Whether a file is a plain image, holds scans in another way, or neither, by its content."""
    return _look_at(path.parent, path.name).kind


def is_image_by_name(path: PurePath) -> bool:
    """Whether the file's ending is that of an image."""
    return path.suffix.lower() in IMAGE_ENDINGS


def _look_at_all(root: Path, batches: Iterator[Sequence[str]]) -> Iterator[list[_LookedAt]]:
    """Looks at files in this thread, and in several as soon as a disk is waited for."""
    was_slow = False  # once may be a moment in which the machine did something else
    for batch in batches:
        began = time.monotonic()
        looked_at = _look_at_some(root, batch)
        is_slow = time.monotonic() - began > _SLOW_SECONDS_A_FILE * len(batch)
        yield looked_at
        if is_slow and was_slow:
            break
        was_slow = is_slow
    yield from map_concurrently(partial(_look_at_some, root), batches, _READERS)


def _look_at_some(root: Path, names: Sequence[str]) -> list[_LookedAt]:
    return [_look_at(root, name) for name in names]


def _look_at(root: Path, name: str) -> _LookedAt:
    path = root / name
    try:
        head = read_head(path)
    except UnreadableImage:  # whoever reads it tells why
        return _LookedAt(name, "unknown", None)
    if is_plain_image(head.data):
        return _LookedAt(name, "image", head)
    found = find_reader(path, head.data)
    if found is None:
        return _LookedAt(name, "unknown", head)
    if isinstance(found.reader, TiffReader) and not has_several_pages(head):
        return _LookedAt(name, "image", head)
    return _LookedAt(name, "container", head)


def _explain_unknown(maker: str, head: FileHead) -> str:
    if head.file_bytes == 0:
        return "the file is empty: copy it again from its source"
    return (
        f"its ending is that of {maker} files, but its content is none that octcluster reads: copy it again "
        "from its source, or export its B-scans as PNG"
    )


def _open_containers(
    root: Path, names: Sequence[str], contents: Contents, progress: Progress, *, listed: bool
) -> None:
    """Adds the scans of files that hold several, and takes away images that are parts of such a file."""
    if not names:
        return
    progress.stage("Opening volumes", len(names), "files")
    parts: set[str] = set()
    for done, (position, found) in enumerate(look_into([root / name for name in names]), start=1):
        name = names[position]
        if isinstance(found, UnreadableImage):
            contents.scans.append(Scan(root, name, fault=str(found)))
        else:
            contents.scans += _list_scans(root, name, found)
            if not found.scans and (listed or not found.left_out):
                contents.scans.append(Scan(root, name, fault=_explain_empty(found)))
            if found.scans:
                contents.formats[found.format] += 1
            contents.left_out.update(found.left_out)
            contents.warnings.update(set(found.warnings))
            parts.update(map(abspath, found.parts))
        progress.update(done, len(names))
    if parts:
        contents.scans = [
            scan for scan in contents.scans if scan.number is not None or abspath(scan.path) not in parts
        ]


def _explain_empty(found: SourceFile) -> str:
    held = ", ".join(f"{kind}: {number:,}" for kind, number in found.left_out.items())
    return f"the {found.format} file holds no B-scan{f' ({held})' if held else ''}: leave it out"


def _list_scans(root: Path, file: str, found: SourceFile) -> Iterator[Scan]:
    for number, facts in enumerate(found.scans, start=1):
        name = file if len(found.scans) == 1 else f"{file}#{number}"
        yield Scan(root, name, number=number, facts=facts, format=found.format)
