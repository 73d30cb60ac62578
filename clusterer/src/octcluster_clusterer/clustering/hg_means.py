"""K-means by hybrid genetic search (HG-means): near-optimal clusters where restarts of K-means fail.

Few members in many whitened dimensions have countless groupings that Lloyd's iterations cannot leave: each
member pulls its own cluster's mean so far that it seems at home there. Two things help. Members move by
Hartigan's rule, which takes a member's own pull off first. And a population of groupings evolves: two parents
are matched cluster by cluster, the child inherits each mean from one of them, one mean is drawn anew, and the
child is improved by moves of members until none is left.

K-means prefers clusters of even sizes. A weight of the sizes takes that off: see ``cluster_sizes``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from octcluster_clusterer.clustering import cluster_sizes, kmeans
from octcluster_clusterer.clustering.search_options import K_MEANS, SearchOptions
from octcluster_clusterer.tiles import count_threads, map_in_order, slices

SEARCHED_MEMBERS = 2048
"""Of more members, a random sample of so many is searched; K-means on all of them ends the search."""
MAX_GENERATIONS = 60
_FINALISTS = 4
_MAX_MOVES = 60
_SHARE_OF_MOVES = 0.5
_GROUPINGS_AT_ONCE = 8
_VALUES_AT_ONCE = 2**20
_ARRAYS_AT_ONCE = 8
_LEAST_GAIN = 1e-6
_SAME = 1e-7


@dataclass(frozen=True)
class _Groupings:
    """Some groupings of the same members.

    Attributes:
        labels: int32, shape (n_groupings, n_members).
        explained: float64, shape (n_groupings,): the part of the members' sum of squares that the means hold,
            and what the sizes are worth.
    """

    labels: NDArray[np.int32]
    explained: NDArray[np.float64]

    def take(self, indices: NDArray[np.intp]) -> "_Groupings":
        return _Groupings(self.labels[indices], self.explained[indices])


@dataclass(frozen=True, eq=False)
class SearchedClusters:
    """Clusters, and what the search for them tells of their number.

    Attributes:
        labels: int32, shape (n_members,).
        explained: The share of the searched members' sum of squares that the means hold, 0 to 1, less what
            the sizes cost, if they count: one for each of the searches that the clusters come from.
        agreement: Mean adjusted Rand index between the groupings of those searches, or that of the best two
            if sizes count; 1 for one alone.
        sizes_count: Whether the sizes of the clusters count, as in ``cluster_sizes``.
    """

    labels: NDArray[np.int32]
    explained: Sequence[float]
    agreement: float = 1.0
    sizes_count: bool = False


def cluster(
    vectors: NDArray[np.float32],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> NDArray[np.int32]:
    """Finds the clusters that ``search`` finds."""
    return search(vectors, n_clusters, seed, report_step, part_dimensions).labels


def search(
    vectors: NDArray[np.float32],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
    options: SearchOptions = K_MEANS,
) -> SearchedClusters:
    """Finds the clusters with the smallest squared distances to their means that the search meets.

    All arguments are as for ``cluster``, and ``options`` say how to search.

    References:
        Gribel and Vidal, "HG-means: a scalable hybrid genetic algorithm for minimum sum-of-squares
        clustering", Pattern Recognition 88, 2019, doi:10.1016/j.patcog.2018.12.022.
        Telgarsky and Vattani, "Hartigan's method: k-means clustering without Voronoi", AISTATS 2010.
    """
    random = np.random.default_rng(seed)
    n_members = len(vectors)
    is_sample = n_members > SEARCHED_MEMBERS
    searched = vectors[np.sort(random.choice(n_members, SEARCHED_MEMBERS, False))] if is_sample else vectors
    squared_lengths = np.einsum("ij,ij->i", searched, searched)
    found = _evolve(searched, squared_lengths, n_clusters, random, report_step, options)
    finalists = [_find_means(searched, labels, n_clusters) for labels in found.labels[:_FINALISTS]]
    sizes = np.bincount(found.labels[0], minlength=n_clusters)
    cost = cluster_sizes.find_largest_value(len(searched), n_clusters, options.size_weight)
    explained = (float(found.explained[0]) - cost) / float(squared_lengths.sum(dtype=np.float64))
    if is_sample and options.size_weight:
        labels = cluster_sizes.settle(vectors, finalists[0], sizes, options.size_weight, report_step)
    elif is_sample:
        labels = kmeans.refine(vectors, finalists, report_step)
    else:
        # The optimum has each member nearest to its own mean; this brings equal members together.
        distances = _find_distances(vectors, squared_lengths, finalists[0][np.newaxis])[0]
        distances -= cluster_sizes.find_head_starts(sizes, options.size_weight)[:, np.newaxis]
        labels = distances.argmin(axis=0).astype(np.int32)
        is_lost = options.size_weight and len(np.unique(labels)) < np.count_nonzero(sizes)
        if is_lost and len(np.unique(searched, axis=0)) >= n_clusters:
            labels = found.labels[0]  # a cluster that was asked for stays
    return SearchedClusters(labels, (explained,), sizes_count=options.size_weight > 0)


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work beside the vectors, in bytes, with the random vectors of ``choice``."""
    searched = min(n_members, SEARCHED_MEMBERS)
    sample = searched * dimension * 4
    groupings = 4 * searched * (K_MEANS.population + 2 * K_MEANS.children)
    return sample + groupings + 4 * count_threads() * _ARRAYS_AT_ONCE * _VALUES_AT_ONCE


def _evolve(
    vectors: NDArray[np.float32],
    squared_lengths: NDArray[np.float32],
    n_clusters: int,
    random: np.random.Generator,
    report_step: Callable[[], None],
    options: SearchOptions,
) -> _Groupings:
    """Evolves a population; returns it, the best first."""
    starts = [
        vectors[random.choice(len(vectors), n_clusters, replace=False)] for _ in range(options.population)
    ]
    population = _survive(
        _improve(vectors, squared_lengths, starts, random, report_step, options), options.population
    )
    unchanged = 0
    for _ in range(MAX_GENERATIONS):
        report_step()
        before = population.explained[0]
        children = [
            _breed(vectors, squared_lengths, population, n_clusters, random) for _ in range(options.children)
        ]
        improved = _improve(vectors, squared_lengths, children, random, report_step, options)
        population = _survive(
            _Groupings(
                np.concatenate([population.labels, improved.labels]),
                np.concatenate([population.explained, improved.explained]),
            ),
            options.population,
        )
        unchanged = 0 if population.explained[0] > before * (1 + _SAME) else unchanged + 1
        if unchanged == options.patience:
            break
    return population


def _survive(groupings: _Groupings, population: int) -> _Groupings:
    """Keeps the best groupings, of equally good ones only one: they are almost surely the same."""
    order = np.argsort(-groupings.explained, kind="stable")
    ranked = groupings.explained[order]
    differs = np.append(True, ranked[1:] < ranked[:-1] * (1 - _SAME))
    return groupings.take(order[differs][:population])


def _breed(
    vectors: NDArray[np.float32],
    squared_lengths: NDArray[np.float32],
    population: _Groupings,
    n_clusters: int,
    random: np.random.Generator,
) -> NDArray[np.float32]:
    """Returns a child's means: each from one of two parents, but one, which is a member drawn anew."""
    # Of two groupings drawn, the better one becomes a parent: the population is ranked.
    parents = random.integers(len(population.explained), size=(2, 2)).min(axis=1)
    first, second = (_find_means(vectors, population.labels[parent], n_clusters) for parent in parents)
    distances = np.square(first).sum(axis=1)[:, np.newaxis] - 2 * first @ second.T
    distances += np.square(second).sum(axis=1)
    _, partners = linear_sum_assignment(distances)
    means = np.where(random.random(n_clusters)[:, np.newaxis] < 0.5, first, second[partners])
    replaced = int(random.integers(n_clusters))
    others = np.delete(means, replaced, axis=0)
    distances = squared_lengths[:, np.newaxis] - 2 * vectors @ others.T + np.square(others).sum(axis=1)
    chances = np.maximum(distances.min(axis=1), 0).astype(np.float64)
    if chances.sum() > 0:
        means[replaced] = vectors[random.choice(len(vectors), p=chances / chances.sum())]
    return means


def _find_means(
    vectors: NDArray[np.float32], labels: NDArray[np.int32], n_clusters: int
) -> NDArray[np.float32]:
    memberships = (np.arange(n_clusters)[:, np.newaxis] == labels).astype(np.float32)
    sizes = memberships.sum(axis=1, keepdims=True)
    means: NDArray[np.float32] = memberships @ vectors / np.maximum(sizes, 1)
    return means


def _improve(
    vectors: NDArray[np.float32],
    squared_lengths: NDArray[np.float32],
    means: Sequence[NDArray[np.float32]],
    random: np.random.Generator,
    report_step: Callable[[], None],
    options: SearchOptions,
) -> _Groupings:
    """Groups the members around each set of means and moves them until no move helps."""
    at_once = max(1, min(_GROUPINGS_AT_ONCE, _VALUES_AT_ONCE // (len(vectors) * len(means[0]))))
    parts = [np.stack(means[rows]) for rows in slices(len(means), at_once)]
    work = list(zip(parts, random.spawn(len(parts)), strict=True))
    improved = []
    for _, groupings in map_in_order(
        lambda part: _move_members(vectors, squared_lengths, part[0], part[1], report_step, options), work
    ):
        improved.append(groupings)
    return _Groupings(
        np.concatenate([groupings.labels for groupings in improved]),
        np.concatenate([groupings.explained for groupings in improved]),
    )


def _move_members(
    vectors: NDArray[np.float32],
    squared_lengths: NDArray[np.float32],
    means: NDArray[np.float32],
    random: np.random.Generator,
    report_step: Callable[[], None],
    options: SearchOptions,
) -> _Groupings:
    """Moves members by Hartigan's rule, in several groupings side by side.

    All members that gain by a move would gain, but not all at once: a random half of them moves.

    Args:
        vectors: float32, shape (n_members, dimension).
        squared_lengths: float32, shape (n_members,).
        means: float32, shape (n_groupings, n_clusters, dimension): what the members are first grouped around.
        random: Source of chance.
        report_step: Called before each round of moves.
        options: What counts.

    Returns:
        The best grouping that each one went through.
    """
    n_groupings, n_clusters, _ = means.shape
    least_gain = _LEAST_GAIN * float(squared_lengths.mean())
    clusters = np.arange(n_clusters)[:, np.newaxis]
    labels = _find_distances(vectors, squared_lengths, means).argmin(axis=1).astype(np.int32)
    best = _Groupings(labels.copy(), np.full(n_groupings, -np.inf))
    for _ in range(_MAX_MOVES):
        report_step()
        is_own = labels[:, np.newaxis] == clusters
        sizes = is_own.sum(axis=2, dtype=np.int64).astype(np.float32)
        sums = (is_own.reshape(-1, len(vectors)).astype(np.float32) @ vectors).reshape(means.shape)
        means = sums / np.maximum(sizes, 1)[:, :, np.newaxis]
        explained = np.einsum("rkd,rkd->r", sums, means, dtype=np.float64)
        explained = cluster_sizes.add_value(explained, sizes, options.size_weight)
        better = explained > best.explained
        best.explained[better], best.labels[better] = explained[better], labels[better]
        costs = _find_distances(vectors, squared_lengths, means)
        with np.errstate(divide="ignore", invalid="ignore"):
            # A member leaves its cluster of n with n / (n - 1) of its squared distance, and joins one of n
            # with n / (n + 1) of it.
            leaving = np.where(sizes > 1, sizes / (sizes - 1), 0)
        joining = sizes / (sizes + 1)
        costs *= np.where(is_own, leaving[:, :, np.newaxis], joining[:, :, np.newaxis])
        if options.size_weight:
            costs -= cluster_sizes.find_values_of_moves(sizes, is_own, options.size_weight)
        own_costs = np.take_along_axis(costs, labels[:, np.newaxis], axis=1)[:, 0]
        nearest = costs.argmin(axis=1)
        gains = own_costs - np.take_along_axis(costs, nearest[:, np.newaxis], axis=1)[:, 0] > least_gain
        if not gains.any():
            break
        moves = gains & (random.random(labels.shape) < _SHARE_OF_MOVES)
        labels = np.where(moves, nearest, labels).astype(np.int32)
    return best


def _find_distances(
    vectors: NDArray[np.float32], squared_lengths: NDArray[np.float32], means: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Squared distances, float32, shape (n_groupings, n_clusters, n_members)."""
    n_groupings, n_clusters, dimension = means.shape
    distances = -2 * (means.reshape(-1, dimension) @ vectors.T).reshape(n_groupings, n_clusters, -1)
    distances += np.square(means).sum(axis=2)[:, :, np.newaxis]
    distances += squared_lengths
    found: NDArray[np.float32] = distances
    return found
