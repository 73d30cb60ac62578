"""Classes, patients and eyes of images out of a table."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from posixpath import splitext

from octcluster.images.formulas import unquote_formula
from octcluster.images.image_set import Scan
from octcluster.images.naming.folder_names import eye_of
from octcluster.images.naming.spellings import clean, fold, is_missing
from octcluster.images.notes import Note
from octcluster.images.readers.reader import Eye
from octcluster.images.table_text import TableText, read_table
from octcluster.model.errors import InvalidImageSet

_SHOWN = 4
_COLUMNS_SHOWN = 10
_DRIVE = re.compile(r"[A-Za-z]:/")


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says of its image or images.

    Attributes:
        number: Its number in the file, from 1.
        image: Path below IMAGES, name of a file, or either with ``#12`` for one of a file's scans.
        label: Class, or None.
        patient: Patient, or None.
        eye: ``OD`` or ``OS``, or None.
    """

    number: int
    image: str
    label: str | None
    patient: str | None
    eye: Eye | None


@dataclass(frozen=True)
class LabelTable:
    """A table of labels, joined to images.

    Attributes:
        rows: The row of each image that has one, by the image's name.
        stray_rows: Numbers of the rows that name none of the images.
        notes: How the table was read.
        has_labels: Whether it has a column for classes.
    """

    rows: Mapping[str, Row]
    stray_rows: Sequence[int]
    notes: Sequence[Note]
    has_labels: bool

    def label_of(self, image: Scan) -> str | None:
        """The class of an image, if the table tells it."""
        row = self.rows.get(image.name)
        return row.label if row else None

    def patient_of(self, image: Scan) -> str | None:
        """The patient of an image, if the table tells it."""
        row = self.rows.get(image.name)
        return row.patient if row else None

    def eye_of(self, image: Scan) -> Eye | None:
        """The eye of an image, if the table tells it."""
        row = self.rows.get(image.name)
        return row.eye if row else None


def read_label_table(file: Path, images: Sequence[Scan], sources: Sequence[str]) -> LabelTable:
    """Reads a table and finds the images that its rows are about.

    An image is named by its path below IMAGES, by its whole path, or by the end of its path (the file's name,
    with or without its ending) if only one file has it. A row that names a file with several scans is about
    all of them; one with ``#12`` goes first.

    Args:
        file: A CSV file, see ``table_text``.
        images: The images.
        sources: What may be given instead of a file.

    Raises:
        InvalidImageSet: The table cannot be used; the message says where and the cure.
    """
    table = read_table(file, sources)
    finder = _ImageFinder(images)
    exact: dict[str, Row] = {}
    general: dict[str, Row] = {}
    stray_rows: list[int] = []
    unknown: dict[str, Counter[str]] = {"label": Counter(), "patient": Counter()}
    for number, cells in table.rows():
        if not any((cell or "").strip() for cell in cells.values()):
            continue
        row = _parse_row(table, number, cells, unknown)
        names = finder.find(table, row)
        if not names:
            stray_rows.append(number)
        rows = exact if names == [row.image] or "#" in row.image else general
        for name in names:
            _put(rows, name, row, file)
    if not exact and not general:
        raise InvalidImageSet(
            f"no row of {file} names one of the images: the column '{table.columns['image']}' should hold "
            f"paths relative to IMAGES, such as {images[0].name}"
        )
    return LabelTable(general | exact, stray_rows, _describe(table, unknown), "label" in table.columns)


class _ImageFinder:
    """Finds images by what a table calls them."""

    def __init__(self, images: Sequence[Scan]) -> None:
        self._names: dict[str, list[str]] = {}
        self._files: dict[str, dict[str, Path]] = {}
        for image in images:
            file = image.file_name
            self._names.setdefault(_normalize(file), []).append(image.name)
            if image.name != file:
                self._names.setdefault(_normalize(image.name), []).append(image.name)
            self._files.setdefault(splitext(_normalize(file).rpartition("/")[2])[0], {})[file] = image.path

    def find(self, table: TableText, row: Row) -> list[str]:
        """Names of the images that a row is about.

        Raises:
            InvalidImageSet: Several files have the name.
        """
        if (names := self._names.get(row.image)) is not None:
            return names
        short, mark, number = row.image.rpartition("#")
        short = short if number.isdecimal() else row.image
        files = self._find_files(short)
        if len(files) > 1:
            raise InvalidImageSet(
                f"{table.file}, row {row.number}, column '{table.columns['image']}': {len(files)} images are "
                f"called {row.image}; write the path relative to IMAGES, such as {min(files)}"
            )
        if not files:
            return []
        mark = mark if number.isdecimal() else ""
        return self._names.get(_normalize(files[0]) + mark + number * bool(mark), [])

    def _find_files(self, end: str) -> list[str]:
        """Files whose path ends so, with or without its ending; a whole path is that of one file."""
        stem = splitext(end.rpartition("/")[2])[0]
        files = self._files.get(stem, {}) | self._files.get(end.rpartition("/")[2], {})
        if end.startswith("/") or _DRIVE.match(end):
            return [file for file, path in files.items() if path.absolute().as_posix() == end]
        return [
            file
            for file in files
            if f"/{_normalize(file)}".endswith(f"/{end}")
            or f"/{splitext(_normalize(file))[0]}".endswith(f"/{end}")
        ]


def _put(rows: dict[str, Row], name: str, row: Row, file: Path) -> None:
    earlier = rows.setdefault(name, row)
    if (earlier.label, earlier.patient, earlier.eye) != (row.label, row.patient, row.eye):
        raise InvalidImageSet(
            f"{file}, row {row.number}, column 'label': row {earlier.number} says something else about "
            f"{name}; remove one of the two rows"
        )


def _normalize(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _parse_row(
    table: TableText, number: int, cells: Mapping[str, str | None], unknown: Mapping[str, Counter[str]]
) -> Row:
    if cells.get("label", "") is None:
        raise InvalidImageSet(
            f"{table.file}, row {number}, column '{table.columns['label']}': there is no cell; add a comma"
        )
    values = {meaning: clean(unquote_formula((cell or "").strip(" "))) for meaning, cell in cells.items()}
    image = (
        _normalize(unquote_formula((cells["image"] or "").strip(" "))).replace("\\", "/").removeprefix("./")
    )
    if not image.strip():
        raise InvalidImageSet(
            f"{table.file}, row {number}, column '{table.columns['image']}': it is empty; fill or remove it"
        )
    for meaning, counts in unknown.items():
        if values.get(meaning) and is_missing(values[meaning]):
            counts[values[meaning]] += 1
            values[meaning] = ""
    eye = eye_of(fold(values.get("eye", "")))
    return Row(number, image, values.get("label") or None, values.get("patient") or None, eye)


def _describe(table: TableText, unknown: Mapping[str, Counter[str]]) -> list[Note]:
    notes = []
    if table.encoding_note:
        notes.append(Note("table_encoding", table.encoding_note, 0, to_mend=True))
    renamed = {column: meaning for meaning, column in table.columns.items() if fold(column) != meaning}
    if renamed:
        read = ", ".join(f"'{column}' as {meaning}" for column, meaning in renamed.items())
        notes.append(Note("table_columns", f"Of the table the columns are read so: {read}.", 0))
    missing = [meaning for meaning in ("label", "patient") if meaning not in table.columns]
    if missing and table.unused:
        unused = ", ".join(f"'{column}'" for column in table.unused[:_COLUMNS_SHOWN])
        more = ", ..." if len(table.unused) > _COLUMNS_SHOWN else ""
        text = f"The table has no column for the {' and the '.join(missing)}. Not used: {unused}{more}."
        notes.append(Note("table_unused", text, 0))
    for meaning, counts in unknown.items():
        if counts:
            shown = ", ".join(f"'{value}'" for value, _ in counts.most_common(_SHOWN))
            rows = f"{counts.total():,} row{'' if counts.total() == 1 else 's'}"
            notes.append(
                Note("table_unknown", f"{rows} of the table give no {meaning} ({shown}).", counts.total())
            )
    return notes
