"""Moves of members by Hartigan's rule, in several groupings side by side: what improves children in hg_means.

Most of the time of a search goes by here. Two products of the vectors with all groupings at once do the
arithmetic; what comes beside them is done in place. A grouping in which no member gains is left out of the
rounds that follow. All of it runs in one thread: its many short steps hold the interpreter, and two threads
took twice the processor time and longer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering.cluster_sizes import SizeTables
from octcluster_clusterer.tiles import slices

_MAX_MOVES = 60
_SHARE_OF_MOVES = 0.5
_GROUPINGS_AT_ONCE = 8
_VALUES_AT_ONCE = 2**20
_ARRAYS_AT_ONCE = 5
_LEAST_GAIN = 1e-6


class SearchedVectors:
    """The vectors of the members that are grouped, as the products with them need them.

    Attributes:
        rows: float32, shape (n_members, dimension).
        columns: The same transposed, and C-contiguous: BLAS would transpose them anew for each product, which
            takes longer than the product.
        squared_lengths: float32, shape (n_members,).
    """

    def __init__(self, rows: NDArray[np.float32]) -> None:
        self.rows = rows
        self.columns = np.ascontiguousarray(rows.T)
        self.squared_lengths = np.einsum("ij,ij->i", rows, rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Groupings:
    """Some groupings of the same members.

    Attributes:
        labels: int32, shape (n_groupings, n_members).
        explained: float64, shape (n_groupings,): the part of the members' sum of squares that the means hold,
            and what the sizes are worth.
    """

    labels: NDArray[np.int32]
    explained: NDArray[np.float64]

    def take(self, indices: NDArray[np.intp]) -> "Groupings":
        """Some of them, in this order."""
        return Groupings(self.labels[indices], self.explained[indices])


def join(parts: Sequence[Groupings]) -> Groupings:
    """All groupings of some parts, one part after another."""
    return Groupings(
        np.concatenate([part.labels for part in parts]), np.concatenate([part.explained for part in parts])
    )


def improve(
    vectors: SearchedVectors,
    means: Sequence[NDArray[np.float32]],
    random: np.random.Generator,
    report_step: Callable[[], None],
    tables: SizeTables,
) -> Groupings:
    """Groups the members around each set of means and moves them until no move helps.

    Args:
        vectors: The members' vectors.
        means: Of each grouping, float32, shape (n_clusters, dimension).
        random: Source of chance.
        report_step: Called often.
        tables: What follows from the clusters' sizes.

    Returns:
        The best grouping that each one went through.
    """
    at_once = max(1, min(_GROUPINGS_AT_ONCE, _VALUES_AT_ONCE // (len(vectors) * len(means[0]))))
    parts = [np.stack(means[rows]) for rows in slices(len(means), at_once)]
    return join(
        [
            _move_members(vectors, part, own_random, report_step, tables)
            for part, own_random in zip(parts, random.spawn(len(parts)), strict=True)
        ]
    )


def find_distances(vectors: SearchedVectors, means: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distances of members to means.

    Args:
        vectors: The members' vectors.
        means: float32, shape (n_groupings, n_clusters, dimension).

    Returns:
        float32, shape (n_groupings, n_clusters, n_members).
    """
    n_groupings, n_clusters, dimension = means.shape
    distances: NDArray[np.float32] = (-2 * means).reshape(-1, dimension) @ vectors.columns
    distances = distances.reshape(n_groupings, n_clusters, -1)
    distances += np.square(means).sum(axis=2)[:, :, np.newaxis]
    distances += vectors.squared_lengths
    return distances


def estimate_bytes() -> int:
    """Estimates the memory at work, in bytes."""
    return 4 * _ARRAYS_AT_ONCE * _VALUES_AT_ONCE


def _move_members(
    vectors: SearchedVectors,
    means: NDArray[np.float32],
    random: np.random.Generator,
    report_step: Callable[[], None],
    tables: SizeTables,
) -> Groupings:
    """Does what ``improve`` does, with groupings whose means are one array.

    All members that gain by a move would gain, but not all at once: a random half of them moves.
    """
    least_gain = _LEAST_GAIN * float(vectors.squared_lengths.mean())
    labels = find_distances(vectors, means).argmin(axis=1).astype(np.int32)
    best = Groupings(labels.copy(), np.full(len(means), -np.inf))
    going = np.arange(len(means))
    for _ in range(_MAX_MOVES):
        report_step()
        own = labels[going]
        sizes, sums = _add_up(vectors.rows, own, means.shape[1])
        current = sums / np.maximum(sizes, 1).astype(np.float32)[:, :, np.newaxis]
        explained = np.einsum("rkd,rkd->r", sums, current, dtype=np.float64)
        explained = tables.add_value(explained, sizes)
        better = explained > best.explained[going]
        best.explained[going[better]], best.labels[going[better]] = explained[better], own[better]
        costs = find_distances(vectors, current)
        own_costs = _weigh(costs, own, sizes, tables)
        gains = own_costs - costs.min(axis=1) > least_gain
        # All draw, also those that have settled: what one draws does not depend on the others.
        moves = (random.random(labels.shape) < _SHARE_OF_MOVES)[going] & gains
        grouping, member = np.nonzero(moves)
        own[grouping, member] = costs[grouping, :, member].argmin(axis=1)
        labels[going] = own
        going = going[gains.any(axis=1)]
        if not going.size:
            break
    return best


def _add_up(
    vectors: NDArray[np.float32], labels: NDArray[np.int32], n_clusters: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Sizes, intp, shape (n_groupings, n_clusters), and sums of members, float32, with dimension."""
    is_own = np.empty((len(labels), n_clusters, len(vectors)), dtype=np.float32)
    numbers = np.arange(n_clusters, dtype=np.int32)[:, np.newaxis]
    np.equal(labels[:, np.newaxis], numbers, out=is_own, casting="unsafe")
    sizes = is_own.sum(axis=2).astype(np.intp)
    sums: NDArray[np.float32] = is_own.reshape(-1, len(vectors)) @ vectors
    return sizes, sums.reshape(*sizes.shape, -1)


def _weigh(
    distances: NDArray[np.float32],
    labels: NDArray[np.int32],
    sizes: NDArray[np.intp],
    tables: SizeTables,
) -> NDArray[np.float32]:
    """Makes squared distances to what each cluster costs a member, in place; returns those of its own one.

    A member leaves its cluster of n with n / (n - 1) of its squared distance, and joins one of n with
    n / (n + 1) of it.

    Args:
        distances: float32, shape (n_groupings, n_clusters, n_members): overwritten.
        labels: int32, shape (n_groupings, n_members).
        sizes: intp, shape (n_groupings, n_clusters).
        tables: What follows from the sizes.

    Returns:
        float32, shape (n_groupings, n_members).
    """
    n_groupings, n_clusters, n_members = distances.shape
    clusters = labels + n_clusters * np.arange(n_groupings, dtype=np.int32)[:, np.newaxis]
    places = clusters * np.intp(n_members) + np.arange(n_members)
    own = distances.ravel()[places] * tables.leaving_factors[sizes].ravel()[clusters]
    distances *= tables.joining_factors[sizes][:, :, np.newaxis]
    if tables.of_leaving is not None and tables.of_joining is not None:
        own -= tables.of_leaving[sizes].ravel()[clusters]
        distances -= tables.of_joining[sizes][:, :, np.newaxis]
    distances.ravel()[places] = own
    return own
