"""Finds scans: in the files of a folder, or in those of a text file with one path a line."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from octcluster.images.headers import FileHead
from octcluster.images.image_set import ImageSet
from octcluster.images.junk import describe_junk, is_junk
from octcluster.images.labels import label_images
from octcluster.images.notes import Note
from octcluster.images.path_list import PathList, read_path_list
from octcluster.images.sources import (
    IMAGE_ENDINGS,
    describe_contents,
    find_contents,
    is_image_by_name,
    tell_kind,
)
from octcluster.model.errors import InvalidImageSet
from octcluster.model.progress import Progress, Silence

_SHOWN_ENDINGS = 3
# Where such files lie beside images, something may be missing.
_FOREIGN_ENDINGS = frozenset(
    (
        *(".gif", ".jp2", ".j2k", ".jpx", ".jls", ".jxl", ".heic", ".heif", ".avif", ".psd", ".raw"),
        *(".mp4", ".avi", ".mov", ".mpg", ".mpeg", ".wmv", ".mkv"),
        *(".nii", ".nrrd", ".mha", ".mhd", ".npy", ".npz", ".mat", ".h5", ".hdf5"),
        *(".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"),
        *(".pdf", ".ppt", ".pptx"),
    )
)


def find_images(
    source: Path | PathList,
    labels: str = "auto",
    progress: Progress | None = None,
    on_head: Callable[[FileHead], None] | None = None,
) -> ImageSet:
    """Finds the scans of a folder or of a list, and their labels.

    A folder is searched with all its subfolders. Files are told by their content: plain images, and files
    that hold scans, such as DICOM. A file whose ending promises either, but whose content is neither, is
    kept, and fails later, alone. Hidden files and folders, and those that storage devices and systems leave,
    are skipped (see ``junk``); links are followed, and a folder that is reached twice is read once. In a
    list, paths are relative to the list's folder, ``volume.dcm#12`` names a single scan of a file, blank
    lines and lines that begin with ``#`` are skipped, and files that do not exist are kept, too.

    Args:
        source: A folder, a text file with one path a line, or a volume; or what such a list names.
        labels: Where labels come from; see ``labels.label_images``.
        progress: Told how far it is.
        on_head: Given the beginning of each plain image; see ``sources.find_contents``.

    Returns:
        The scans, sorted by the name of their file in code-point order.

    Raises:
        InvalidImageSet: There is no such folder or file, it cannot be read, it holds no scan, or the labels
            do not fit.
    """
    files = SourceFiles(source.root, source) if isinstance(source, PathList) else open_source(source)
    root, paths = files.root, files.list_all()
    contents = find_contents(
        root, paths.names, progress or Silence(), listed=files.listed is not None, on_head=on_head
    )
    scans = paths.take(contents.scans)
    scans.sort(key=lambda scan: scan.order)
    paths.names.clear()
    endings = dict(sorted(contents.ignored.items(), key=lambda item: (-item[1], item[0])))
    if not scans:
        raise InvalidImageSet(
            _describe_nothing(root if isinstance(source, PathList) else source, endings, contents.left_out)
        )
    labelling = label_images(scans, labels)
    return ImageSet(
        root,
        labelling.images,
        labelling.source,
        sum(endings.values()),
        endings,
        labelling.stray_rows,
        [*describe_junk(files.junk), *_note_ignored(endings), *describe_contents(contents), *labelling.notes],
        formats=contents.formats,
        left_out=contents.left_out,
    )


@dataclass(frozen=True)
class SourceFiles:
    """The files of a folder or of a list, which are not read yet.

    Attributes:
        root: Folder that their names are relative to.
        listed: What a list names; None: all files below the folder.
        junk: Of a folder, the files and folders that were skipped, by name, as far as it was walked.
    """

    root: Path
    listed: PathList | None
    junk: Counter[str] = field(default_factory=Counter)

    def walk(self) -> Iterator[str]:
        """Yields the names one by one, those of a folder as they are found.

        Raises:
            InvalidImageSet: A folder cannot be read.
        """
        self.junk.clear()
        yield from _walk(self.root, "", set(), self.junk) if self.listed is None else self.listed.names

    def list_all(self) -> PathList:
        """All of them; raises what ``walk`` raises."""
        return self.listed or PathList(self.root, list(self.walk()))


def open_source(source: Path) -> SourceFiles:
    """Tells what a person has named: a folder, a list of paths, or a volume.

    Raises:
        InvalidImageSet: It is none of them, or the list cannot be read.
    """
    if source.is_dir():
        return SourceFiles(source, None)
    if not source.is_file():
        raise InvalidImageSet(
            f"{source} does not exist: give a folder of images, a volume or a list of paths"
        )
    kind = tell_kind(source)
    if kind == "image" or (kind == "unknown" and is_image_by_name(source)):
        raise InvalidImageSet(f"{source} is one image: give its folder or a list of paths")
    root = source.parent
    return SourceFiles(root, PathList(root, [source.name]) if kind == "container" else read_path_list(source))


def describe_ignored(endings: Mapping[str, int]) -> str:
    """Names the most frequent endings of files that hold no scans.

    Args:
        endings: Number of files by extension in lower case, the most frequent first.

    Returns:
        For example ``12 other files (.txt: 12)``.
    """
    number = sum(endings.values())
    if not number:
        return "0 other files"
    shown = [f"{ending or 'no ending'}: {files:,}" for ending, files in endings.items()]
    more = ", ..." if len(shown) > _SHOWN_ENDINGS else ""
    return f"{number:,} other file{'' if number == 1 else 's'} ({', '.join(shown[:_SHOWN_ENDINGS])}{more})"


def _note_ignored(endings: Mapping[str, int]) -> list[Note]:
    """Says which files are ignored, and of images in formats that are not read, what to do."""
    if not endings:
        return []
    foreign = [ending for ending in endings if ending in _FOREIGN_ENDINGS]
    text = f"Ignored {describe_ignored(endings)}."
    if foreign:
        text += f" Files with {', '.join(foreign)} may hold scans that octcluster cannot read so: "
        text += "unpack them, or save their images as PNG."
    return [Note("ignored", text, sum(endings.values()), to_mend=bool(foreign))]


def _describe_nothing(source: Path, endings: Mapping[str, int], left_out: Mapping[str, int]) -> str:
    found = ", ".join([describe_ignored(endings), *(f"{kind}: {n:,}" for kind, n in left_out.items())])
    if source.is_file():
        return f"no image in {source}: it should hold one path a line, of files with B-scans; found {found}"
    return (
        f"no image in {source} or its subfolders: looked for {', '.join(IMAGE_ENDINGS)}, DICOM and volumes "
        f"of OCT devices, found {found}; hidden files, recycle bins and thumbnails are skipped"
    )


def _walk(folder: Path, name: str, seen: set[tuple[int, int]], junk: Counter[str]) -> Iterator[str]:
    """Names of all files below the folder that are no junk, which is counted by its name.

    ``name`` is what the names of its files begin with; ``seen`` has device and inode of each folder read.
    """
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        raise InvalidImageSet(
            f"cannot read {folder}: {error.strerror}; correct that, or move it away"
        ) from error
    # Real folders go first, so that a link never takes the place of what it points to.
    for entry in sorted(entries, key=lambda entry: entry.is_symlink()):
        if is_junk(entry.name):
            junk[entry.name] += 1
        elif entry.is_dir():
            yield from _walk(folder / entry.name, f"{name}{entry.name}/", seen, junk)
        elif entry.is_file() or entry.is_symlink():
            yield name + entry.name
