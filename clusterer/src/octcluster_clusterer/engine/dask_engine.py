"""The engine of many machines: workers read and hold, this process sees what they find."""

import sys
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.dask_blocks import DaskBlocks, StoredBlocks
from octcluster_clusterer.engine.dask_cluster import DaskCluster
from octcluster_clusterer.engine.scheduler_place import SchedulerPlace
from octcluster_clusterer.engine.worker_tasks import StoredRows
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.sound_vectors import Fault, require_all
from octcluster_clusterer.store.vectors import VectorCache


class DaskEngine:
    """The ``Engine`` of a Dask cluster; it connects for each run, and leaves the cluster after it."""

    def __init__(
        self, place: SchedulerPlace, vectors: VectorCache, most_room_bytes: int = sys.maxsize
    ) -> None:
        """Finds the scheduler.

        Args:
            place: Where it is.
            vectors: Those that the workers read, too.
            most_room_bytes: Largest matrix of vectors in this process.
        """
        self._place = place
        self._vectors = vectors
        self._most_room_bytes = most_room_bytes

    def open(
        self, space: VectorSpace, image_keys: NDArray[np.uint8], report: Callable[[int, int], None]
    ) -> DaskBlocks:
        """Has the workers find all vectors, and check them."""
        n_members = len(image_keys)
        found = 0

        def report_step() -> None:
            report(found, n_members)

        cluster = DaskCluster(self._place, report_step)
        try:
            rows = StoredRows(space, image_keys)
            blocks = StoredBlocks(cluster, self._vectors, rows, self._most_room_bytes, report_step)
            faults: Counter[Fault] = Counter()
            for bounds, counted in blocks.count_faults(report_step):
                faults.update({Fault(name): count for name, count in counted.items()})
                found = bounds.stop
                report_step()
            require_all(faults, n_members)
        except BaseException:
            cluster.close()
            raise
        return blocks
