"""The clusterings of the parts that tell how stable a run's clusters are, by one process or by two.

They are the longest stage of a small run. The process that has laid out the map is there and has nothing more
to do: it takes parts from the end, while the run's own thread takes them from the front. Each part's clusters
are the same bits wherever they are found.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering import METHODS, find_clusters
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.mapping.mapper import Mapper
from octcluster_clusterer.mapping.process_calls import ProcessCall
from octcluster_clusterer.model import Algorithm
from octcluster_clusterer.tiles import count_threads
from octcluster_clusterer.trust.stability import Cluster, Labels, TakePart

MOST_SHARED_BYTES = 64 * 2**20
"""Largest parts that the other process is given, with what it works in: less than the map took there."""
_SECONDS_BETWEEN_REPORTS = 0.2


@dataclass(frozen=True)
class PartClustering:
    """How each part is clustered.

    Attributes:
        algorithm: The algorithm.
        n_clusters: How many clusters to find, at most one for each member; 0: the algorithm finds the number.
        seed: Seed of the run. The chance in the starts is part of what is tried: each part has its own.
        part_dimensions: Number of values in each of the parts that stand side by side in a vector.
    """

    algorithm: Algorithm
    n_clusters: int
    seed: int
    part_dimensions: Sequence[int]

    def estimate_bytes(self, vectors: NDArray[np.float32]) -> int:
        """Estimates what clustering vectors takes in another process, with their copies on the way."""
        estimate_bytes = METHODS[self.algorithm].estimate_bytes
        return 3 * vectors.nbytes + (estimate_bytes(*vectors.shape) if estimate_bytes else 0)


def cluster_part(
    how: PartClustering,
    vectors: NDArray[np.float32],
    number: int,
    report_step: Callable[[], None] = lambda: None,
) -> Labels:
    """Clusters the vectors of a part, centred and not needed by others."""
    n_clusters = min(how.n_clusters, len(vectors))
    seed = (how.seed + 1 + number) % 2**32
    blocks = MemoryBlocks(vectors)
    return find_clusters(how.algorithm, blocks, n_clusters, seed, report_step, how.part_dimensions)


def cluster_parts(
    how: PartClustering,
    mapper: Mapper,
    report_step: Callable[[], None],
    take: TakePart,
    n_parts: int,
    cluster: Cluster,
) -> list[Labels]:
    """Clusters parts of the members, some of them in the process of the map once it is free.

    Args:
        how: How each part is clustered.
        mapper: Has the other process, if there is one.
        report_step: Called often while this thread waits; what it raises gets through.
        take: Copies the vectors of the part of a number, from 0; called from two threads.
        n_parts: Number of parts.
        cluster: Clusters such vectors here, told the number.

    Returns:
        The clusters of each part.
    """
    waiting = deque(range(n_parts))
    found: list[Future[Labels]] = [Future() for _ in waiting]

    def give_away() -> ProcessCall | None:
        number = _take_from(waiting.pop)
        if number is None:
            return None
        return ProcessCall(cluster_part, lambda: (how, take(number), number), found[number])

    while (number := _take_from(waiting.popleft)) is not None:
        vectors = take(number)
        if number == 0 and count_threads() > 1 and how.estimate_bytes(vectors) <= MOST_SHARED_BYTES:
            mapper.offer(give_away)
        found[number].set_result(cluster(vectors, number))
    for number, part in enumerate(found):
        while not wait([part], _SECONDS_BETWEEN_REPORTS).done:
            report_step()
        if part.exception() is not None:  # the other process has ended
            found[number] = Future()
            found[number].set_result(cluster(take(number), number))
    return [part.result() for part in found]


def _take_from(end: Callable[[], int]) -> int | None:
    try:
        return end()
    except IndexError:
        return None
