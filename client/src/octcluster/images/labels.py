"""Known classes and patients of images: from folders, file names or a CSV file."""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from statistics import median
from typing import NamedTuple

from octcluster.images.image_set import Scan
from octcluster.model.errors import InvalidImageSet
from octcluster.model.suggest import suggest

LABEL_SOURCES = ("auto", "folder", "filename", "none")
MAX_AUTO_CLASSES = 50
MIN_AUTO_MATCH = 0.95
MIN_AUTO_FOLDER_IMAGES = 5

_COLUMNS = ("image", "label", "patient")
_NAME_PATTERN = re.compile(r"(?P<disease>[^\W\d_][^-]*)-(?P<patient>.+)-\d+")


class Labelling(NamedTuple):
    """Images with what is known of them.

    Attributes:
        images: The images, in the order in which they were given.
        source: Where the labels come from: ``folder``, ``filename``, ``none`` or ``csv``.
        stray_rows: Numbers of the rows of the CSV file that name none of the images.
    """

    images: list[Scan]
    source: str
    stray_rows: Sequence[int] = ()


def label_images(images: Sequence[Scan], labels: str) -> Labelling:
    """Gives images their labels and patients.

    The patient is the middle part of ``<disease>-<patient>-<number>``, if the file name has this form, or
    what the CSV file says.

    Args:
        images: The images, at least one.
        labels: One of these:

            - ``folder``: the name of the last folder, below IMAGES.
            - ``filename``: the first part of ``<disease>-<patient>-<number>``.
            - ``none``: no labels.
            - ``auto``: by folder if the last folders have 2 to MAX_AUTO_CLASSES different names and
              do not seem to hold one patient each (file names give one patient a folder, or give none and
              the median folder has less than MIN_AUTO_FOLDER_IMAGES images); else by
              file name if at least MIN_AUTO_MATCH of the names have the form and give 2 to MAX_AUTO_CLASSES
              labels; else none.
            - Anything else: path of a CSV file with the columns ``image`` and ``label``, ``patient`` or both,
              where ``image`` is the path relative to IMAGES, or the file name if only one image has it. Cells
              of the others may be empty: the label is unknown, the patient that of the file name, if any.

    Returns:
        The images with their labels and patients.

    Raises:
        InvalidImageSet: The source gives no label at all, or the CSV file cannot be used.
    """
    images = [replace(image, patient=_name_part(image, "patient")) for image in images]
    source = _detect_source(images) if labels == "auto" else labels
    if source == "none":
        return Labelling(images, source)
    if source == "folder":
        labelled = [replace(image, label=_folder(image)) for image in images]
        cure = "no image lies in a folder below IMAGES: give the folder above the class folders"
    elif source == "filename":
        labelled = [replace(image, label=_name_part(image, "disease")) for image in images]
        cure = "no file name has the form <disease>-<patient>-<number>"
    else:
        return _label_by_table(images, Path(labels))
    if not any(image.label for image in labelled):
        raise InvalidImageSet(f"--labels {source} finds no label, because {cure}; or use another --labels")
    return Labelling(labelled, source)


def _detect_source(images: Sequence[Scan]) -> str:
    folders = Counter(folder for image in images if (folder := _folder(image)))
    if 2 <= len(folders) <= MAX_AUTO_CLASSES and not _are_patients(images, folders):
        return "folder"
    diseases = [disease for image in images if (disease := _name_part(image, "disease"))]
    if len(diseases) >= MIN_AUTO_MATCH * len(images) and 2 <= len(set(diseases)) <= MAX_AUTO_CLASSES:
        return "filename"
    return "none"


def _are_patients(images: Sequence[Scan], folders: Counter[str]) -> bool:
    """Whether each folder seems to hold one patient, whose name must not become that of a class."""
    pairs = {(_folder(image), image.patient) for image in images if _folder(image) and image.patient}
    if pairs:
        return len(pairs) == len({folder for folder, _ in pairs}) == len({patient for _, patient in pairs})
    return median(folders.values()) < MIN_AUTO_FOLDER_IMAGES


def _folder(image: Scan) -> str | None:
    return PurePosixPath(image.name).parent.name or None


def _name_part(image: Scan, part: str) -> str | None:
    match = _NAME_PATTERN.fullmatch(PurePosixPath(image.name).stem)
    return match[part] if match else None


@dataclass(frozen=True)
class _Row:
    number: int
    image: str
    label: str | None
    patient: str | None


def _label_by_table(images: Sequence[Scan], file: Path) -> Labelling:
    rows, stray_rows = _read_table(file, images)
    if not rows:
        raise InvalidImageSet(
            f"no row of {file} names one of the images: the column 'image' should hold paths relative to "
            f"IMAGES, such as {images[0].name}"
        )
    labelled = []
    for image in images:
        row = rows.get(image.name)
        if row is not None:
            image = replace(image, label=row.label, patient=row.patient or image.patient)  # noqa: PLW2901
        labelled.append(image)
    return Labelling(labelled, "csv", stray_rows)


def _read_table(file: Path, images: Sequence[Scan]) -> tuple[dict[str, _Row], list[int]]:
    """The rows of the CSV file by the name of their image, and the numbers of those that name no image."""
    names_by_entry = {image.name: {image.name} for image in images}
    for image in images:
        if "/" in image.name:
            names_by_entry.setdefault(PurePosixPath(image.name).name, set()).add(image.name)
    reader = csv.DictReader(io.StringIO(_read_text(file), newline=""), strict=True)
    rows: dict[str, _Row] = {}
    stray_rows: list[int] = []
    try:
        _check_header(file, reader.fieldnames or [])
        for cells in reader:
            row = _parse_row(file, reader.line_num, cells)
            names = names_by_entry.get(row.image, set())
            if row.image in names:
                names = {row.image}
            if not names:
                stray_rows.append(row.number)
            if len(names) > 1:
                raise InvalidImageSet(
                    f"{file}, row {row.number}, column 'image': {len(names)} images are called {row.image}; "
                    f"write the path relative to IMAGES, such as {min(names)}"
                )
            for name in names:
                earlier = rows.setdefault(name, row)
                if (earlier.label, earlier.patient) != (row.label, row.patient):
                    raise InvalidImageSet(
                        f"{file}, row {row.number}, column 'label': row {earlier.number} says something "
                        f"else about {name}; remove one of the two rows"
                    )
    except csv.Error as error:
        raise InvalidImageSet(
            f"{file}, row {reader.reader.line_num}: {error}; correct the quotes there"
        ) from error
    return rows, stray_rows


def _read_text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InvalidImageSet(
            f"--labels {file}: there is no such file; give {', '.join(LABEL_SOURCES)} or a CSV file with the "
            "columns image,label,patient"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidImageSet(f"--labels {file}: cannot read it as a UTF-8 CSV file: {error}") from error


def _check_header(file: Path, header: Sequence[str]) -> None:
    cure = "the first row should be image,label,patient, image,label or image,patient, separated by commas"
    if len(header) == 1 and ";" in header[0]:
        raise InvalidImageSet(
            f"{file}, row 1: the column 'image' is missing, as semicolons do not separate columns; {cure}"
        )
    missing = [column for column in _COLUMNS if column not in header]
    for column in header:
        if column not in _COLUMNS and (hint := suggest(column, missing)):
            raise InvalidImageSet(f"{file}, row 1: the column '{column}' means nothing here{hint} {cure}")
    if "image" not in header:
        raise InvalidImageSet(f"{file}, row 1: the column 'image' is missing; {cure}")
    if "label" not in header and "patient" not in header:
        raise InvalidImageSet(f"{file}, row 1: the columns 'label' and 'patient' are missing; {cure}")


def _parse_row(file: Path, number: int, cells: Mapping[str | None, str | None]) -> _Row:
    if None in cells:
        raise InvalidImageSet(
            f"{file}, row {number}: it has more cells than row 1; put a value that has a comma in quotes"
        )
    if cells.get("label", "") is None:
        raise InvalidImageSet(f"{file}, row {number}, column 'label': there is no cell; add a comma")
    image, label, patient = ((cells.get(column) or "").strip() for column in ("image", "label", "patient"))
    if not image:
        raise InvalidImageSet(f"{file}, row {number}, column 'image': it is empty; fill or remove it")
    return _Row(number, image.replace("\\", "/").removeprefix("./"), label or None, patient or None)
