"""Images and labels as programs hold them, for a time as the files and names that everything else reads."""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from octcluster.images.path_list import PathList, list_paths
from octcluster.model.errors import ExtraNotInstalled, InvalidArguments, InvalidImageSet
from octcluster.workflows.own_vectors import OwnVectors, read_vectors

Images = str | Path | Sequence[str | Path] | Sequence[Any] | Any
Labels = str | Path | Sequence[str | None] | Mapping[str, str | None] | Any
_COLUMNS = ("image", "label")


@contextmanager
def given(images: Images, labels: Labels) -> Iterator[tuple[Path | PathList, str, str]]:
    """Gives what ``find_images`` takes.

    Args:
        images: A path; or paths; or arrays: uint8 or uint16, shape (height, width), or uint8, shape (height,
            width, 3). Arrays lie in a private folder, as ``0000000.png`` and so on, until the block ends.
        labels: What ``--labels`` takes; or a class for each of several images, None where it is not known; or
            classes by image, or a data frame with the columns of a table.

    Yields:
        The images, where their labels come from, and a digest of arrays, whose names do not tell them apart.

    Raises:
        InvalidArguments: There are no images, an array is none that can be an image, or there is not one
            label an image.
        ExtraNotInstalled: Arrays need Pillow.
    """
    with TemporaryDirectory(prefix="octcluster-") as place:
        source, names, content = _place_images(images, Path(place) / "images")
        if isinstance(labels, str | os.PathLike):
            yield source, os.fspath(labels), content
            return
        with _written(labels, names, Path(place)) as table:
            yield source, table, content


def read_given_vectors(vectors: Any, labels: Labels) -> OwnVectors:
    """Reads vectors; labels one by one are in their order.

    Args:
        vectors: What ``is_vectors`` takes for such.
        labels: See ``given``.

    Raises:
        InvalidArguments: There is not one label a vector.
        InvalidImageSet: The vectors or labels cannot be used.
    """
    if isinstance(labels, str | os.PathLike):
        return read_vectors(vectors, os.fspath(labels))
    own = read_vectors(vectors, "none")
    names = [scan.name for scan in sorted(own.image_set.images, key=lambda scan: own.row_of[scan.order])]
    with TemporaryDirectory(prefix="octcluster-") as place, _written(labels, names, Path(place)) as table:
        return read_vectors(vectors, table)


@contextmanager
def _written(labels: Labels, names: Sequence[str] | None, place: Path) -> Iterator[str]:
    """Labels as a table in a folder; errors do not name this file, which nobody has seen."""
    table = place / "labels.csv"
    if hasattr(labels, "to_csv") and hasattr(labels, "columns"):
        labels.to_csv(table, index=False)
    else:
        _write_table(table, _pair(labels, names))
    try:
        yield str(table)
    except InvalidImageSet as error:
        raise InvalidImageSet(
            str(error).replace(f"--labels {table}", "labels").replace(str(table), "labels")
        ) from None


def _place_images(images: Any, folder: Path) -> tuple[Path | PathList, list[str] | None, str]:
    """What to read, the names of several images in the order in which they were given, and arrays' digest."""
    if isinstance(images, str | os.PathLike):
        return Path(images), None, ""
    try:
        several = list(images)
    except TypeError:
        raise InvalidArguments(f"{images!r} is no images: give a folder, paths or arrays") from None
    if not several:
        raise InvalidArguments("there are no images: give a folder, paths or arrays")
    if hasattr(several[0], "shape"):
        folder.mkdir()
        names, content = [], blake2b(digest_size=16)
        for number, pixels in enumerate(several):
            names.append(_write_image(folder, number, pixels))
            content.update(repr((pixels.shape, str(pixels.dtype))).encode() + pixels.tobytes())
        return folder, names, content.hexdigest()
    try:
        paths = [os.path.abspath(os.fspath(path)) for path in several]
    except TypeError:
        raise InvalidArguments("several images are paths or arrays, and all of one kind") from None
    root = Path(os.path.commonpath([os.path.dirname(path) for path in paths]))
    return list_paths(paths, root), [Path(path).relative_to(root).as_posix() for path in paths], ""


def _write_image(folder: Path, number: int, pixels: Any) -> str:
    try:
        from PIL import Image  # noqa: PLC0415 - the thin client does without
    except ModuleNotFoundError as error:
        raise ExtraNotInstalled(str(error.name), "local") from error
    kind = (getattr(pixels, "ndim", None), str(getattr(pixels, "dtype", None)))
    is_colour = kind == (3, "uint8") and pixels.shape[2] == 3
    if not (kind in ((2, "uint8"), (2, "uint16")) or is_colour) or 0 in pixels.shape:
        raise InvalidArguments(
            f"image {number} is no array of pixels: give uint8 or uint16 of (height, width), or uint8 of "
            f"(height, width, 3), not {kind[1]} of {tuple(getattr(pixels, 'shape', ()))}"
        )
    name = f"{number:07d}.png"
    Image.fromarray(pixels).save(folder / name)
    return name


def _pair(labels: Any, names: Sequence[str] | None) -> Iterator[tuple[str, str]]:
    """The known classes by image."""
    if isinstance(labels, Mapping):
        pairs = [(str(image), label) for image, label in labels.items()]
    else:
        known = list(labels)
        if names is None:
            raise InvalidArguments(
                "labels one by one need images one by one: give labels by image, {'a/1.png': 'CNV'}, or paths"
            )
        if len(known) != len(names):
            raise InvalidArguments(
                f"there are {len(known):,} labels for {len(names):,} images: give one each"
            )
        pairs = list(zip(names, known, strict=True))
    return ((image, "" if _is_missing(label) else str(label)) for image, label in pairs)


def _is_missing(label: Any) -> bool:
    return label is None or label != label  # pandas writes NaN  # noqa: PLR0124


def _write_table(table: Path, rows: Iterator[tuple[str, str]]) -> None:
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(rows)
