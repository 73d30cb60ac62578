"""Where shards lie: files by name, written whole or not at all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Protocol

ENDING = ".parquet"
ERASURE_ENDING = ".erased"
ENDINGS = (ENDING, ERASURE_ENDING)


@dataclass(frozen=True)
class FileFacts:
    """What a listing tells of a file.

    Attributes:
        n_bytes: Its size.
        age_seconds: For how long it has been there, by one clock for all files of a folder.
    """

    n_bytes: int
    age_seconds: float


class ShardFolder(Protocol):
    """Folders of shards and erasures by a name, under one place. Safe to call from several threads.

    Every method raises OSError as the place raises it: see ``faults.py``.

    Attributes:
        gap_bytes: Reading so many bytes takes as long as a request of its own.
    """

    gap_bytes: int

    def list_files(self, space: str) -> dict[str, FileFacts]:
        """The files of a space by name, of both endings; none if it has no folder yet."""

    def open_file(self, space: str, name: str) -> Any:
        """Opens a shard for reading at any place, as a ``pyarrow.NativeFile``.

        Raises:
            FileNotFoundError: It is not there (any more).
        """

    def write_file(self, space: str, name: str, fill: Callable[[IO[bytes]], None]) -> None:
        """Writes a shard that appears whole, and is durable when this returns.

        Args:
            space: Folder of its space; made if need be.
            name: Its name; a shard of this name is replaced.
            fill: Writes the content; what it raises leaves no shard behind.
        """

    def delete_file(self, space: str, name: str) -> None:
        """Deletes a shard, if it is there."""

    def delete_leavings(self, space: str) -> None:
        """Deletes what writers that were killed left behind."""

    def list_spaces(self) -> list[str]:
        """The folders that there are."""

    def check(self) -> None:
        """Raises unless the place is there; asks for little, since it is called again and again."""
