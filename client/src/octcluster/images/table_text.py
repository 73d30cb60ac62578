"""Tables as spreadsheets save them: what the bytes of a CSV file say, by row and column."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octcluster.images.naming.spellings import fold
from octcluster.images.naming.vocabulary import phrases
from octcluster.model.errors import InvalidImageSet
from octcluster.model.suggest import suggest

COLUMNS = ("image", "label", "patient", "eye", "visit")

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SEPARATOR_LINE = re.compile(r"\"?sep=(.)\"?\r?\n", re.IGNORECASE)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_CURE = "the first row should be image,label,patient, image,label or image,patient, separated by commas"


@dataclass(frozen=True)
class TableText:
    """A table whose columns are known.

    Attributes:
        file: Where it lies.
        text: Its rows, without a first line that only names the separator.
        separator: What stands between cells.
        first_row: Number of the heading row in the file.
        columns: Name of the column in the file by what it means (COLUMNS).
        unused: Names of the other columns.
        encoding_note: What to say of its encoding, or nothing.
    """

    file: Path
    text: str
    separator: str
    first_row: int
    columns: dict[str, str]
    unused: Sequence[str]
    encoding_note: str = ""

    def rows(self) -> Iterator[tuple[int, dict[str, str | None]]]:
        """Number and cells of each row below the heading; None: the row ends before this cell.

        Raises:
            InvalidImageSet: A row has quotes that do not end, or too many cells.
        """
        reader = csv.DictReader(io.StringIO(self.text, newline=""), **_dialect(self.separator))
        number = self.first_row
        try:
            for cells in reader:
                number = reader.line_num + self.first_row - 1
                if any(cells.get(None) or ()):
                    raise InvalidImageSet(
                        f"{self.file}, row {number}: it has more cells than row {self.first_row}; put a "
                        f"value that has a {_SEPARATORS[self.separator][:-1]} in quotes"
                    )
                yield number, {meaning: cells[name] for meaning, name in self.columns.items()}
        except csv.Error as error:
            if "end of data" in str(error):
                raise InvalidImageSet(
                    f"{self.file}, row {number + 1}: a quote that begins there, or soon after, does not "
                    "end; correct the quotes"
                ) from error
            number = reader.reader.line_num + self.first_row - 1
            raise InvalidImageSet(f"{self.file}, row {number}: {error}; correct the quotes there") from error

    def count_cells(self, column: str, value: str) -> int:
        """Number of rows that have this value in a column without a meaning; 0 if there is no such column."""
        if column not in self.unused:
            return 0
        reader = csv.DictReader(io.StringIO(self.text, newline=""), **_dialect(self.separator))
        return sum((cells.get(column) or "").strip() == value for cells in reader)


def read_table(file: Path, sources: Sequence[str]) -> TableText:
    """Reads a CSV file as UTF-8, UTF-16 or cp1252, with the separator that fits its heading row.

    Args:
        file: The file.
        sources: What may be given instead of a file, for the message if there is none.

    Raises:
        InvalidImageSet: It cannot be read, or has no heading row that can be used; the message has the cure.
    """
    text, encoding_note = _decode(file, sources)
    separators = list(_SEPARATORS)
    first_row = 1
    if named := _SEPARATOR_LINE.match(text):
        separators = [named[1]] if named[1] in _SEPARATORS else separators
        text, first_row = text[named.end() :], 2
    _refuse_other_formats(file, text)
    blank_lines = text[: len(text) - len(text.lstrip("\r\n"))]
    text, first_row = text.lstrip("\r\n"), first_row + len(blank_lines.splitlines())
    headings = {separator: _read_heading(file, text, separator, first_row) for separator in separators}
    separator = max(separators, key=lambda separator: len(find_meanings(headings[separator])))
    heading = headings[separator]
    columns = _choose_columns(file, heading, first_row)
    unused = [column for column in heading if column.strip() and column not in columns.values()]
    return TableText(file, text, separator, first_row, columns, unused, encoding_note)


def _decode(file: Path, sources: Sequence[str]) -> tuple[str, str]:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise InvalidImageSet(
            f"--labels {file}: there is no such file; give {', '.join(sources)} or a CSV file with the "
            "columns image,label,patient"
        ) from None
    except IsADirectoryError:
        raise InvalidImageSet(
            f"--labels {file} is a folder: say --labels folder if the folders of IMAGES are the classes, or "
            "give a CSV file with the columns image,label,patient"
        ) from None
    except OSError as error:
        raise InvalidImageSet(f"--labels {file}: cannot read it: {error.strerror}") from error
    if data.startswith(_WORKBOOKS) or file.suffix.lower() in (".xlsx", ".xls", ".ods"):
        raise InvalidImageSet(
            f"--labels {file} is a workbook, not a CSV file: in the spreadsheet program save the sheet as "
            "'CSV UTF-8', and give that file"
        )
    marked = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    if marked is None and b"\0" in data[:200]:
        marked = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    data = data.rstrip(b"\x1a")  # the end of a text file under DOS
    try:
        return data.decode(marked or "utf-8"), ""
    except UnicodeDecodeError as error:
        if marked is not None:
            raise InvalidImageSet(
                f"--labels {file}: its text is damaged: save it again as CSV UTF-8"
            ) from error
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as error:
        what = (
            "it is no text"
            if b"\0" in data
            else "its letters are encoded in no way that is known (UTF-8, UTF-16, Windows-1252)"
        )
        raise InvalidImageSet(f"--labels {file}: {what}: save it as CSV UTF-8") from error
    return (
        text,
        "The table is not UTF-8 and was read as Windows-1252. Check names with letters beyond a to z.",
    )


def _refuse_other_formats(file: Path, text: str) -> None:
    beginning = text.lstrip()[:1]
    if not beginning:
        raise InvalidImageSet(f"--labels {file}: the file is empty")
    if beginning in "<{[":
        name = "a web page or XML" if beginning == "<" else "JSON"
        raise InvalidImageSet(f"--labels {file}: it is {name}, not a CSV file: save the table as CSV UTF-8")


def _dialect(separator: str) -> dict[str, Any]:
    return {"delimiter": separator, "strict": True, "skipinitialspace": True}


def _read_heading(file: Path, text: str, separator: str, number: int) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(text, newline=""), **_dialect(separator)), [])
    except csv.Error as error:
        raise InvalidImageSet(f"{file}, row {number}: {error}; correct the quotes there") from error


def find_meanings(heading: Sequence[str]) -> dict[str, list[str]]:
    """The columns that may be meant, by their meaning; one that bears the name itself stands alone."""
    found: dict[str, list[str]] = {}
    for meaning, names in phrases("headings").items():
        known = {fold(name) for name in names}
        columns = [column for column in heading if fold(column) in known]
        exact = [column for column in columns if fold(column) == meaning]
        if columns:
            found[meaning] = exact or columns
    return found


def _choose_columns(file: Path, heading: Sequence[str], number: int) -> dict[str, str]:
    found = find_meanings(heading)
    where = f"{file}, row {number}"
    # A visit is too near to other words, such as vision.
    missing = [meaning for meaning in COLUMNS if meaning not in found and meaning != "visit"]
    used = {column for columns in found.values() for column in columns}
    for column in heading:
        if column not in used and fold(column) and (hint := suggest(column, missing)):
            raise InvalidImageSet(f"{where}: the column '{column}' means nothing here{hint} {_CURE}")
    for meaning, columns in found.items():
        if len(columns) > 1:
            raise InvalidImageSet(
                f"{where}: several columns may be the {meaning}: {', '.join(columns)}; call the right one "
                f"'{meaning}'"
            )
    if "image" not in found:
        raise InvalidImageSet(f"{where}: the column 'image' is missing; {_CURE}")
    if found.keys() == {"image"}:
        raise InvalidImageSet(f"{where}: the columns 'label' and 'patient' are missing; {_CURE}")
    return {meaning: columns[0] for meaning, columns in found.items()}
