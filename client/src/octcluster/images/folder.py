"""Finds image files: in a folder, or in a text file with one path a line."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath

from octcluster.images.image_set import ImageSet, Scan
from octcluster.images.junk import describe_junk, is_junk
from octcluster.images.labels import label_images
from octcluster.model.errors import InvalidImageSet

IMAGE_EXTENSIONS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_FOREIGN_EXTENSIONS = {
    ".dcm": "DICOM",
    ".dicom": "DICOM",
    ".e2e": "Heidelberg",
    ".vol": "Heidelberg",
    ".sdb": "Heidelberg",
    ".fda": "Topcon",
    ".fds": "Topcon",
    ".img": "Zeiss",
    ".oct": "Bioptigen or Optovue",
}
_SHOWN_ENDINGS = 3


def find_images(source: Path, labels: str = "auto") -> ImageSet:
    """Finds the images of a folder or of a list, and their labels.

    A folder is searched with all its subfolders for files with one of IMAGE_EXTENSIONS, in any case. Hidden
    files and folders, and those that storage devices and systems leave, are skipped (see ``junk``). Links are
    followed, and a folder that is reached twice is read once. In a list, paths are relative to the list's
    folder, blank lines and lines that begin with ``#`` are skipped, and files that do not exist are kept:
    reading them fails later, one by one.

    Args:
        source: A folder, or a text file with one path a line.
        labels: Where labels come from; see ``labels.label_images``.

    Returns:
        The images, sorted by name in code-point order.

    Raises:
        InvalidImageSet: There is no such folder or file, it cannot be read, it holds no image, or the labels
            do not fit.
    """
    junk: Counter[str] = Counter()
    if source.is_dir():
        images, endings = _search_folder(source, junk)
        root = source
    elif source.is_file():
        if is_image(source):
            raise InvalidImageSet(f"{source} is one image: give its folder or a list of paths")
        images, endings = _read_list(source), {}
        root = source.parent
    else:
        raise InvalidImageSet(f"{source} does not exist: give a folder of images or a list of paths")
    images.sort(key=lambda image: image.name)
    labelling = label_images(images, labels)
    ignored_files = sum(endings.values())
    notes = describe_junk(junk)
    return ImageSet(
        root, labelling.images, labelling.source, ignored_files, endings, labelling.stray_rows, notes
    )


def is_image(path: PurePath) -> bool:
    """Whether the file is an image by its extension."""
    return path.suffix.lower() in IMAGE_EXTENSIONS


def describe_ignored(endings: Mapping[str, int]) -> str:
    """Names the most frequent endings of files that are no images, and the cure for volumes of OCT devices.

    Args:
        endings: Number of files by extension in lower case, the most frequent first.

    Returns:
        For example ``12 other files (.dcm: 12): ...``.
    """
    number = sum(endings.values())
    if not number:
        return "0 other files"
    shown = [f"{ending or 'no ending'}: {files:,}" for ending, files in endings.items()]
    more = ", ..." if len(shown) > _SHOWN_ENDINGS else ""
    text = f"{number:,} other file{'' if number == 1 else 's'} ({', '.join(shown[:_SHOWN_ENDINGS])}{more})"
    foreign = list(dict.fromkeys(_FOREIGN_EXTENSIONS[e] for e in endings if e in _FOREIGN_EXTENSIONS))
    if not foreign:
        return text
    return f"{text}: files of {', '.join(foreign)} are not read, export their B-scans as PNG or JPEG"


def has_foreign_volumes(endings: Mapping[str, int]) -> bool:
    """Whether there are files that OCT devices write and octcluster does not read."""
    return any(ending in _FOREIGN_EXTENSIONS for ending in endings)


def _search_folder(folder: Path, junk: Counter[str]) -> tuple[list[Scan], Mapping[str, int]]:
    images = []
    ignored: Counter[str] = Counter()
    for path in _walk(folder, set(), junk):
        if is_image(path):
            images.append(Scan(path, path.relative_to(folder).as_posix()))
        else:
            ignored[path.suffix.lower()] += 1
    endings = dict(sorted(ignored.items(), key=lambda item: (-item[1], item[0])))
    if not images:
        raise InvalidImageSet(
            f"no image in {folder} or its subfolders: looked for {', '.join(IMAGE_EXTENSIONS)}, "
            f"found {describe_ignored(endings)}; hidden files and folders are skipped"
        )
    return images, endings


def _walk(folder: Path, seen: set[tuple[int, int]], junk: Counter[str]) -> Iterator[Path]:
    """All files below the folder that are no junk, which is counted by its name.

    ``seen`` has device and inode of each folder read.
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
            yield from _walk(folder / entry.name, seen, junk)
        elif entry.is_file() or entry.is_symlink():
            yield folder / entry.name


def _read_list(file: Path) -> list[Scan]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidImageSet(f"cannot read {file} as UTF-8 text with one path a line: {error}") from error
    images = {}
    for line in lines:
        entry = line.strip()
        if entry and not entry.startswith("#"):
            path = file.parent / entry
            name = _name_in_list(path, file.parent)
            images[name] = Scan(path, name)
    if not images:
        raise InvalidImageSet(f"no image in {file}: it should hold one path a line")
    return list(images.values())


def _name_in_list(path: Path, root: Path) -> str:
    """The path relative to the list's folder; a path outside of it stays absolute."""
    absolute = Path(os.path.abspath(path))
    base = Path(os.path.abspath(root))
    return (absolute.relative_to(base) if absolute.is_relative_to(base) else absolute).as_posix()
