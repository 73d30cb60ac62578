"""A run's map: two coordinates of each member by UMAP, or why there are none."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.errors import MapFailed
from octcluster_clusterer.mapping.layout_client import LayoutClient
from octcluster_clusterer.mapping.placement import draw_laid_out, place_members
from octcluster_clusterer.mapping.process_calls import TakeCall

MIN_MEMBERS = 4
_START_NOISE = 1e-4


@dataclass(frozen=True)
class NeighborMap:
    """Where each member lies on the map.

    Attributes:
        coordinates: float32, shape (n_members, 2); None if there are none.
        missing_reason: Why there are none though asked for, for people; else empty.
        sampled_members: Size of the random sample that was laid out; all other members were placed by their
            neighbours in it. None: all were laid out.
    """

    coordinates: NDArray[np.float32] | None = None
    missing_reason: str = ""
    sampled_members: int | None = None


@dataclass(frozen=True)
class _Begun:
    """A map in the making.

    Attributes:
        places: Where the members that are laid out will lie.
        sample: int64: these members, rising; None: all.
        vectors: float32: their vectors.
    """

    places: Future[NDArray[np.float32]]
    sample: NDArray[np.int64] | None
    vectors: NDArray[np.float32]


class Mapper:
    """Makes the map of one run, while the run goes on."""

    def __init__(self, layouts: LayoutClient | None, missing_reason: str = "") -> None:
        """Takes what lays vectors out; None: there shall be no map."""
        self._layouts = layouts
        self._missing_reason = missing_reason
        self._begun: _Begun | None = None

    def begin(
        self,
        blocks: Blocks,
        principal_coordinates: NDArray[np.float32],
        seed: int,
        report_step: Callable[[], None],
    ) -> None:
        """Begins the map; of many members, see ``placement``, with a sample of them.

        Args:
            blocks: The prepared vectors, which stay as they are until the map is finished.
            principal_coordinates: float32, shape (n_members, 2): where the members lie first, so that the
                map keeps what it can of the large distances.
            seed: Seed of all chance.
            report_step: Called often; what it raises gets through.

        References:
            Kobak and Linderman, "Initialization is critical for preserving global data structure in both
            t-SNE and UMAP", 2021, doi:10.1038/s41587-020-00809-z.
        """
        if self._layouts is None:
            return
        sample = draw_laid_out(blocks.n_rows, seed)
        vectors = blocks.bring(report_step) if sample is None else blocks.take(sample)
        first = principal_coordinates if sample is None else principal_coordinates[sample]
        places = self._layouts.begin(vectors, _place_first(first, seed), seed)
        self._begun = _Begun(places, sample, vectors)

    def offer(self, take_call: TakeCall) -> None:
        """Has the process of the map take calls once the map that was begun is done, if there is one."""
        if self._layouts is not None and self._begun is not None:
            self._layouts.offer(take_call)

    def finish(self, blocks: Blocks, report: Callable[[int, int], None]) -> NeighborMap:
        """Waits for the map that was begun, and places the members that were not laid out.

        Args:
            blocks: As of ``begin``.
            report: Called often with the rounds done and the rounds in all, 0 while unknown; what it raises
                gets through.
        """
        if self._layouts is None or self._begun is None:
            return NeighborMap(missing_reason=self._missing_reason)
        begun = self._begun
        try:
            places = self._layouts.finish(begun.places, report)
        except MapFailed as error:
            return NeighborMap(missing_reason=str(error))
        if begun.sample is None:
            return NeighborMap(places)
        coordinates = np.empty((blocks.n_rows, 2), dtype=np.float32)
        for rows, placed in blocks.map(
            place_members, begun.vectors, places, report_step=lambda: report(0, 0)
        ):
            coordinates[rows] = placed
        coordinates[begun.sample] = places
        return NeighborMap(coordinates, sampled_members=len(begun.sample))


@contextmanager
def started_mapper(wanted: bool, n_members: int, memory_obstacle: str = "") -> Iterator[Mapper]:
    """Starts what a run's map needs, to get ready during the run, and ends it with the run.

    Args:
        wanted: Whether the run shall have a map; otherwise nothing is started.
        n_members: Number of members; fewer than MIN_MEMBERS get no map.
        memory_obstacle: Why the memory does not suffice for a map; empty where it does.
    """
    obstacle = memory_obstacle
    if n_members < MIN_MEMBERS:
        obstacle = f"UMAP needs at least {MIN_MEMBERS} images"
    if not wanted or obstacle:
        yield Mapper(None, obstacle if wanted else "")
        return
    with LayoutClient() as layouts:
        yield Mapper(layouts)


def _place_first(principal_coordinates: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Principal coordinates from -1 to 1, with a little noise: no two members may lie at the same place."""
    largest = np.abs(principal_coordinates).max()
    noise = np.random.default_rng(seed).normal(scale=_START_NOISE, size=principal_coordinates.shape)
    return (principal_coordinates / (largest or 1) + noise).astype(np.float32)
