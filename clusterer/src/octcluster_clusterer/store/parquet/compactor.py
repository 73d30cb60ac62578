"""The thread that merges shards while others are read and written."""

import logging
import threading

from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.parquet.compaction import GRACE_SECONDS, SpaceCompaction
from octcluster_clusterer.store.parquet.faults import translate
from octcluster_clusterer.store.parquet.folders import ShardFolder

logger = logging.getLogger(__name__)


class Compactor:
    """Merges the shards of each space to which something was put. Its thread starts with the first put."""

    def __init__(self, folder: ShardFolder, grace_seconds: float = GRACE_SECONDS) -> None:
        """Merges shards in ``folder``; those that were merged stay for the grace."""
        self._folder = folder
        self._grace_seconds = grace_seconds
        self._changed = threading.Condition()
        self._spaces: set[VectorSpace] = set()
        self._compactions: dict[VectorSpace, SpaceCompaction] = {}
        self._closed = False
        self._thread: threading.Thread | None = None

    def tell(self, space: VectorSpace) -> None:
        """Says that something was put."""
        with self._changed:
            self._spaces.add(space)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="compaction", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Ends the thread; a merge that is under way is left, and done by a later one."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _work(self) -> None:
        later: set[VectorSpace] = set()
        while True:
            with self._changed:
                if not self._spaces and not self._closed:
                    self._changed.wait(self._grace_seconds if later else None)
                if self._closed:
                    return
                spaces, self._spaces = self._spaces | later, set()
            later = {space for space in spaces if self._compact(space)}

    def _compact(self, space: VectorSpace) -> bool:
        try:
            compaction = self._compactions.setdefault(space, SpaceCompaction(self._folder, space))
            return compaction.compact(self._grace_seconds)
        except FileNotFoundError:
            return True  # another process was quicker
        except OSError as error:
            logger.warning("shards are not merged: %s", translate(error))
        return False
