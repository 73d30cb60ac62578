"""How much room the disk of the spool has: objects are refused before it is full."""

import os
from pathlib import Path

from octcluster_gateway.errors import SpoolFull


class Room:
    """The room of one disk.

    Args:
        folder: A folder on the disk.
        min_free_bytes: What stays free.
    """

    def __init__(self, folder: Path, min_free_bytes: int) -> None:
        self._folder = folder
        self._min_free_bytes = min_free_bytes

    @property
    def free_bytes(self) -> int:
        """What this process may still write."""
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize

    def check(self) -> None:
        """Raises SpoolFull if less is free than must stay so."""
        if self.free_bytes < self._min_free_bytes:
            raise SpoolFull(
                "the disk of the spool is nearly full: process what waits, lower --keep-processed-days, or "
                "give it more room"
            )
