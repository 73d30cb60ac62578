"""A spool to which a command brings objects, also while a gateway serves it.

What comes lies in ``pulled/``, which no gateway clears. While an object moves to those that are kept, no
gateway may look for files that its index does not know: see ``Spool``.
"""

from collections.abc import Sequence
from pathlib import Path

from octcluster_gateway.spool.entries import Arrival
from octcluster_gateway.spool.locks import hold_lock
from octcluster_gateway.spool.opening import open_index
from octcluster_gateway.spool.spool import COMMIT_LOCK, Kept, Spool, SpoolLimits

_LOCK = "pull.lock"
_FOLDER = "pulled"


class GuestSpool(Spool):
    """A spool that another process may serve; there is one guest at a time.

    Args:
        folder: Where it is.
        limits: What it takes.

    Raises:
        CannotStart: There is none, or another guest is there.
    """

    def __init__(self, folder: Path, limits: SpoolLimits) -> None:
        open_index(folder).close()
        super().__init__(folder, limits, incoming=_FOLDER, lock=_LOCK)

    def _commit(self, arrivals: Sequence[Arrival]) -> list[Kept]:
        with hold_lock(self.folder / COMMIT_LOCK):
            return super()._commit(arrivals)

    def _recover(self) -> None:
        """What an earlier guest left was of nobody's: the archive still has it."""
        for path in self._incoming.iterdir():
            path.unlink()
