"""What the file of an algorithm offers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering.hg_means import SearchedClusters
from octcluster_clusterer.engine.blocks import Blocks


class ClusterFunction(Protocol):
    """What each algorithm's file offers."""

    def __call__(
        self,
        blocks: Blocks,
        n_clusters: int,
        seed: int,
        report_step: Callable[[], None],
        part_dimensions: Sequence[int],
    ) -> NDArray[np.int32]:
        """Clusters vectors.

        Args:
            blocks: The vectors, mean 0 in each dimension, at least two different ones.
            n_clusters: How many clusters to find, 2 to n_members - 1; 0 for an algorithm that finds the
                number.
            seed: Seed of every random choice.
            report_step: To be called as often as possible; what it raises must get through.
            part_dimensions: Number of values in each of the parts that stand side by side in a vector, for an
                algorithm that looks at each part; their sum is the dimension.

        Returns:
            Integers, shape (n_members,): equal for members of the same cluster, in any numbering; -1 for
            noise.
        """
        ...


class ClusterHereFunction(Protocol):
    """What the file of an algorithm offers that needs all vectors in one memory."""

    def __call__(
        self,
        vectors: NDArray[np.float32],
        n_clusters: int,
        seed: int,
        report_step: Callable[[], None],
        part_dimensions: Sequence[int],
    ) -> NDArray[np.int32]:
        """Does what a ``ClusterFunction`` does.

        ``vectors`` are float32, shape (n_members, dimension), C-contiguous. They may be changed for a while,
        but must be as before at the end, but for rounding.
        """
        ...


class ClusterForEachFunction(Protocol):
    """What the file of an algorithm offers whose work is much the same for every number of clusters."""

    def __call__(
        self,
        vectors: NDArray[np.float32],
        cluster_counts: Sequence[int],
        seed: int,
        report_step: Callable[[], None],
    ) -> Iterator[NDArray[np.int32]]:
        """Clusters vectors once for each number of clusters, in turn, each time as ``cluster`` would."""
        ...


class SearchFunction(Protocol):
    """What the file of an algorithm offers that searches for the optimum of K-means."""

    def __call__(
        self,
        blocks: Blocks,
        cluster_counts: Sequence[int],
        seed: int,
        report_step: Callable[[], None],
        part_dimensions: Sequence[int],
    ) -> Iterator[SearchedClusters]:
        """Clusters vectors for each number of clusters, and tells what the search tells of that number."""
        ...


@dataclass(frozen=True)
class Method:
    """One algorithm.

    Attributes:
        cluster: The function that groups vectors.
        finds_cluster_count: Whether it finds the number of clusters itself.
        needs_all: Whether all vectors must come into one memory.
        search_for_each: The function that groups vectors and helps to choose the number of clusters, if there
            is one.
        cluster_for_each: The function for several numbers of clusters, where that saves work; it needs all
            vectors in one memory.
        estimate_bytes: Estimates the memory at work, beside the vectors, from the number of members and the
            dimension; see memory_estimate.py. None: a few numbers for each member.
    """

    cluster: ClusterFunction
    finds_cluster_count: bool = False
    needs_all: bool = False
    search_for_each: SearchFunction | None = None
    cluster_for_each: ClusterForEachFunction | None = None
    estimate_bytes: Callable[[int, int], int] | None = None
