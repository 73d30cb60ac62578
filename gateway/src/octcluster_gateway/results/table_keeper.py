"""Keeps ``eyes.parquet`` beside the lines: made anew from time to time while results come, and at the end."""

import logging
import threading
from importlib.util import find_spec
from pathlib import Path

from octcluster_gateway.errors import CannotStart
from octcluster_gateway.results.json_lines import FILE_NAME, TABLE_NAME
from octcluster_gateway.results.parquet import write_parquet

_logger = logging.getLogger(__name__)


def can_write_tables() -> bool:
    """Whether the library that writes them is installed."""
    return find_spec("pyarrow") is not None


class TableKeeper:
    """Writes the table of one folder of results, until it is stopped.

    Args:
        folder: Of ``eyes.jsonl``.
        seconds: How long new results may be missing from the table.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder = folder
        self._seconds = seconds
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Asks ``run`` to return."""
        self._stopping.set()

    def run(self) -> None:
        """Works until ``stop`` is called; a disk that takes no table now may take one later."""
        while True:
            stops = self._stopping.is_set()
            try:
                self._write_if_old()
            except (CannotStart, OSError):
                _logger.warning("%s cannot be written: is the disk full?", TABLE_NAME)
            if stops:
                return
            self._stopping.wait(self._seconds)

    def _write_if_old(self) -> None:
        lines, table = self._folder / FILE_NAME, self._folder / TABLE_NAME
        if not lines.stat().st_size:
            return
        if not table.exists() or table.stat().st_mtime_ns < lines.stat().st_mtime_ns:
            write_parquet(self._folder, table)
