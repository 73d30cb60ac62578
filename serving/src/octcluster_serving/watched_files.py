"""Files that an administrator may replace while the server runs."""

from collections.abc import Sequence
from pathlib import Path

_Stamp = tuple[int, int, int] | None


class WatchedFiles:
    """Tells when one of several files is another one than before.

    Args:
        files: The files, links to them included: those of Kubernetes' secrets change where they point to.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._seen = self._look()

    def have_changed(self) -> bool:
        """Whether a file has changed since this was last asked, or since the beginning."""
        before, self._seen = self._seen, self._look()
        return self._seen != before

    def _look(self) -> list[_Stamp]:
        return [_stamp(file) for file in self._files]


def _stamp(file: Path) -> _Stamp:
    """What changes with a file's content; None where there is no file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
