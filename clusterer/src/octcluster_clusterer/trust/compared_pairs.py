"""Pairs of images that were compared in all dimensions: each once, many at a time."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.tiles import slices
from octcluster_clusterer.trust.similarities import THRESHOLD, Directions

_VALUES_AT_ONCE = 2**18
_MAX_TAKEN_VALUES = 2**22
_MAX_PAIRS = 2**16
TAKEN_BYTES = 12 * _MAX_TAKEN_VALUES
"""Memory of the vectors that are taken at a time, in single and double precision."""


class ComparedPairs:
    """The pairs compared so far, and which of them are near-duplicates: 8 bytes a pair.

    Attributes:
        near: Number of near-duplicates.
    """

    def __init__(self, directions: Directions) -> None:
        """Begins with none.

        Args:
            directions: Of all images.
        """
        self.near = 0
        self._directions = directions
        # Twice the number of a pair, and 1 more for a near-duplicate; rising.
        self._codes = np.empty(0, dtype=np.int64)

    def leave_out_compared(
        self, firsts: NDArray[np.int32], seconds: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The pairs that were not compared yet: the smaller and the larger image of each."""
        fresh = self._look_up(self._encode(firsts, seconds)) < 0
        return firsts[fresh], seconds[fresh]

    def are_near(self, firsts: NDArray[np.int32], seconds: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which pairs were compared and are near-duplicates."""
        near: NDArray[np.bool_] = self._look_up(self._encode(firsts, seconds)) == 1
        return near

    def compare(
        self, firsts: NDArray[np.int32], seconds: NDArray[np.int32], report_step: Callable[[], None]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
        """Compares pairs of images in all dimensions, and remembers them.

        Args:
            firsts: int32, shape (n_pairs,): the smaller image of each pair; no pair was compared before.
            seconds: int32, shape (n_pairs,): the larger image. Pairs of the same images had better be
                neighbours, since few vectors are taken at a time.
            report_step: Called often.

        Yields:
            The near-duplicates among some of the pairs: the members, and similarities of at most 1.
        """
        codes = self._encode(firsts, seconds)
        for part, products in self._find_similarities(firsts, seconds, report_step):
            rows, others = self._directions.rows[firsts[part]], self._directions.rows[seconds[part]]
            similarities = products + self._directions.lifts[rows] * self._directions.lifts[others]
            near = similarities >= THRESHOLD
            codes[part] += near
            self.near += int(np.count_nonzero(near))
            yield rows[near], others[near], np.minimum(similarities[near], 1)
        # Two rising runs: a stable sort merges them.
        codes.sort()
        self._codes = np.concatenate([self._codes, codes])
        report_step()
        self._codes.sort(kind="stable")

    def _encode(self, firsts: NDArray[np.int32], seconds: NDArray[np.int32]) -> NDArray[np.int64]:
        codes = firsts.astype(np.int64)
        codes *= self._directions.rows.size
        codes += seconds
        codes *= 2
        return codes

    def _look_up(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """-1 for a pair that was not compared, 1 for a near-duplicate, else 0."""
        if not self._codes.size:
            return np.full(codes.size, -1, dtype=np.int64)
        places = np.minimum(np.searchsorted(self._codes, codes), self._codes.size - 1)
        kept = self._codes[places] - codes
        return np.where((kept == 0) | (kept == 1), kept, -1)

    def _find_similarities(
        self, firsts: NDArray[np.int32], seconds: NDArray[np.int32], report_step: Callable[[], None]
    ) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """The similarities of some pairs after the other, without the lifts."""
        dimension = self._directions.mean.size
        most_images = max(2, _MAX_TAKEN_VALUES // dimension)
        start = 0
        while start < firsts.size:
            stop = start + min(16 * most_images, _MAX_PAIRS)
            images = np.unique([firsts[start:stop], seconds[start:stop]])
            while images.size > most_images:
                stop = start + max(1, (min(stop, firsts.size) - start) // 2)
                images = np.unique([firsts[start:stop], seconds[start:stop]])
            report_step()
            taken = self._directions.take(images)
            similarities = np.empty(min(stop, firsts.size) - start)
            lefts, rights = (np.searchsorted(images, ends[start:stop]) for ends in (firsts, seconds))
            for part in slices(similarities.size, max(1, _VALUES_AT_ONCE // dimension)):
                report_step()
                similarities[part] = np.einsum("ij,ij->i", taken[lefts[part]], taken[rights[part]])
            yield slice(start, start + similarities.size), similarities
            start = stop
