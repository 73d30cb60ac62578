"""CSV tables, the same bytes on every machine."""

import csv
from collections.abc import Iterable, Iterator, Sequence

from octcluster.images.formulas import quote_formula

_PIECE_BYTES = 1 << 16


class _Lines:
    """Collects the lines of a csv.writer as bytes: texts would take several times as much."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, line: str) -> None:
        self.content += line.removesuffix("\r\n").encode("utf-8", errors="surrogateescape") + b"\n"

    def take(self) -> bytes:
        content = bytes(self.content)
        self.content.clear()
        return content


def format_table(
    header: Sequence[str], rows: Iterable[Sequence[object]], mark: tuple[str, str] | None = None
) -> bytes:
    """Formats a whole table; see stream_table."""
    return b"".join(stream_table(header, rows, mark))


def stream_table(
    header: Sequence[str], rows: Iterable[Sequence[object]], mark: tuple[str, str] | None = None
) -> Iterator[bytes]:
    r"""Formats a table as UTF-8 CSV with ``\n`` at the ends of lines; None is an empty cell.

    Text that a spreadsheet would compute gets a quote before it; see ``images.formulas``. Bytes of a file
    name that are no UTF-8 are kept as they are.

    Args:
        header: Names of the columns.
        rows: The other rows.
        mark: Name and text of a last column that says in each row to what the table belongs; None: no such.

    Yields:
        The file's content, piece by piece.
    """
    lines = _Lines()
    # The writer puts quotes around a value with a carriage return only if that is part of its own line end.
    writer = csv.writer(lines, lineterminator="\r\n")
    name, text = ((), ()) if mark is None else ((mark[0],), (mark[1],))
    writer.writerow((*header, *name))
    for row in rows:
        writer.writerow(_make_safe((*row, *text)))
        if len(lines.content) > _PIECE_BYTES:
            yield lines.take()
    yield lines.take()


def _make_safe(row: Sequence[object]) -> list[object]:
    return [quote_formula(cell) if isinstance(cell, str) else cell for cell in row]
