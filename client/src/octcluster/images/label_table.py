"""Classes, patients, eyes and visits of images out of a table."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from octcluster.images.formulas import unquote_formula
from octcluster.images.image_finder import ImageFinder, normalize
from octcluster.images.image_set import Scan
from octcluster.images.naming.folder_names import eye_of
from octcluster.images.naming.spellings import clean, fold, is_missing
from octcluster.images.notes import Note
from octcluster.images.readers.reader import Eye
from octcluster.images.table_text import TableText, read_table
from octcluster.model.errors import InvalidImageSet

_SHOWN = 4
_SUGGESTED = ("origin", "suggested")
"""Column and cell of the labels that ``octcluster explore`` exports."""
_COLUMNS_SHOWN = 10
# A number of more than eleven digits, as spreadsheets show and save it.
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says of its image or images.

    Attributes:
        number: Its number in the file, from 1.
        image: Path below IMAGES, name of a file, or either with ``#12`` for one of a file's scans.
        label: Class, or None.
        patient: Patient, or None.
        eye: ``OD`` or ``OS``, or None.
        visit: Name of the visit, or None.
    """

    number: int
    image: str
    label: str | None
    patient: str | None
    eye: Eye | None
    visit: str | None = None


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

    def visit_of(self, image: Scan) -> str | None:
        """The visit of an image, if the table tells it."""
        row = self.rows.get(image.name)
        return row.visit if row else None


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
    finder = ImageFinder(images)
    unknown: dict[str, Counter[str]] = {"label": Counter(), "patient": Counter(), "eye": Counter()}
    rows = [
        _parse_row(table, number, cells, unknown)
        for number, cells in table.rows()
        if any((cell or "").strip() for cell in cells.values())
    ]
    found = [(row, finder.find(table, row.number, row.image)) for row in rows]
    exact: dict[str, Row] = {}
    general: dict[str, Row] = {}
    for row, names in found:
        is_exact = names == [row.image] or "#" in row.image
        for name in names:
            _put(exact if is_exact else general, name, row, table)
    if not exact and not general:
        raise InvalidImageSet(_explain_strays(table, rows, finder, images[0].name))
    stray_rows = [row.number for row, names in found if not names]
    return LabelTable(general | exact, stray_rows, _describe(table, unknown), "label" in table.columns)


def _explain_strays(table: TableText, rows: Sequence[Row], finder: ImageFinder, example: str) -> str:
    """Why a table names none of the images."""
    if not rows:
        return f"{table.file} has no row below its heading"
    text = (
        f"no row of {table.file} names one of the images: the column '{table.columns['image']}' should hold "
        f"paths relative to IMAGES, such as {example}"
    )
    meant = next(((row, name) for row in rows[:_SHOWN] if (name := finder.find_by_end(row.image))), None)
    return (
        text if meant is None else f"{text}; does row {meant[0].number}, {meant[0].image}, mean {meant[1]}?"
    )


def _put(rows: dict[str, Row], name: str, row: Row, table: TableText) -> None:
    earlier = rows.setdefault(name, row)
    for meaning in ("label", "patient", "eye", "visit"):
        if getattr(earlier, meaning) != getattr(row, meaning):
            raise InvalidImageSet(
                f"{table.file}, row {row.number}, column '{table.columns[meaning]}': row {earlier.number} "
                f"says something else about {name}; remove one of the two rows"
            )


def _parse_row(
    table: TableText, number: int, cells: Mapping[str, str | None], unknown: Mapping[str, Counter[str]]
) -> Row:
    if cells.get("label", "") is None:
        raise InvalidImageSet(
            f"{table.file}, row {number}, column '{table.columns['label']}': there is no cell; add a comma"
        )
    values = {meaning: clean(unquote_formula((cell or "").strip(" "))) for meaning, cell in cells.items()}
    image = (
        normalize(unquote_formula((cells["image"] or "").strip(" "))).replace("\\", "/").removeprefix("./")
    )
    if not image.strip():
        raise InvalidImageSet(
            f"{table.file}, row {number}, column '{table.columns['image']}': it is empty; fill or remove it"
        )
    for meaning, counts in unknown.items():
        if (value := values.get(meaning)) and _is_unknown(meaning, value):
            counts[value] += 1
            values[meaning] = ""
    visit = "" if is_missing(values.get("visit", "")) else values["visit"]
    return Row(
        number,
        image,
        values.get("label") or None,
        values.get("patient") or None,
        eye_of(fold(values.get("eye", ""))),
        visit or None,
    )


def _is_unknown(meaning: str, value: str) -> bool:
    """Whether a cell that is not empty tells nothing that can be used."""
    if meaning == "eye":
        return eye_of(fold(value)) is None and not is_missing(value)
    return is_missing(value) or (meaning == "patient" and _ROUNDED.fullmatch(value) is not None)


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
    if "label" in table.columns and (suggested := table.count_cells(*_SUGGESTED)):
        rows, verb = (
            f"{suggested:,} row{'' if suggested == 1 else 's'}",
            "gives" if suggested == 1 else "give",
        )
        text = (
            f"{rows} of the table {verb} a label that 'octcluster explore' has suggested and nobody has "
            "given by hand: scores against classes count them like the others."
        )
        notes.append(Note("table_suggested", text, suggested))
    return notes + _describe_unread(unknown)


def _describe_unread(unknown: Mapping[str, Counter[str]]) -> list[Note]:
    """Cells that are not empty and tell nothing, by their column."""
    notes = []
    rounded = Counter({value: n for value, n in unknown["patient"].items() if _ROUNDED.fullmatch(value)})
    if rounded:
        text = (
            f"{_count_rows(rounded)} of the table give a patient that a spreadsheet has rounded "
            f"({_show(rounded)}): several patients may be one then, so none is taken. Make the column "
            "text, and export the table again from its source."
        )
        notes.append(Note("table_rounded", text, rounded.total(), to_mend=True))
    for meaning, unread in unknown.items():
        counts = unread - rounded if meaning == "patient" else unread
        if not counts:
            continue
        if meaning == "eye":
            text = (
                f"{_count_rows(counts)} of the table give an eye that is none ({_show(counts)}): "
                "write OD or OS."
            )
        else:
            text = f"{_count_rows(counts)} of the table give no {meaning} ({_show(counts)})."
        notes.append(Note("table_unknown", text, counts.total(), to_mend=meaning == "eye"))
    return notes


def _count_rows(counts: Counter[str]) -> str:
    return f"{counts.total():,} row{'' if counts.total() == 1 else 's'}"


def _show(counts: Counter[str]) -> str:
    return ", ".join(f"'{value}'" for value, _ in counts.most_common(_SHOWN))
