"""CSV tables, the same bytes on every machine."""

import csv
from collections.abc import Iterable, Sequence


class _Lines(list[str]):
    """Collects the lines of a csv.writer."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def format_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    r"""Formats a table as UTF-8 CSV with ``\n`` at the ends of lines; None is an empty cell.

    Bytes of a file name that are no UTF-8 are kept as they are.

    Args:
        header: Names of the columns.
        rows: The other rows.

    Returns:
        The file's content.
    """
    lines = _Lines()
    # The writer puts quotes around a value with a carriage return only if that is part of its own line end.
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return "".join(lines).encode("utf-8", errors="surrogateescape")
