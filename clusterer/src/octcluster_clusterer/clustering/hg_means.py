"""K-means by hybrid genetic search (HG-means): near-optimal clusters where restarts of K-means fail.

Few members in many whitened dimensions have countless groupings that Lloyd's iterations cannot leave: each
member pulls its own cluster's mean so far that it seems at home there. Two things help. Members move by
Hartigan's rule, which takes a member's own pull off first. And a population of groupings evolves: two parents
are matched cluster by cluster, the child inherits each mean from one of them, one mean is drawn anew, and the
child is improved by moves of members until none is left.

K-means prefers clusters of even sizes. A weight of the sizes takes that off: see ``cluster_sizes``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering import cluster_sizes, kmeans, member_moves
from octcluster_clusterer.clustering.member_moves import Groupings, SearchedVectors, find_distances
from octcluster_clusterer.clustering.samples import take_sample
from octcluster_clusterer.clustering.search_options import K_MEANS, SearchOptions
from octcluster_clusterer.engine.blocks import Blocks

SEARCHED_MEMBERS = 2048
"""Of more members, a random sample of so many is searched; K-means on all of them ends the search."""
MAX_GENERATIONS = 60
_FINALISTS = 4
_SAME = 1e-7


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
    blocks: Blocks,
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> NDArray[np.int32]:
    """Finds the clusters that ``search`` finds."""
    return search(blocks, n_clusters, seed, report_step, part_dimensions).labels


def search(
    blocks: Blocks,
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
    is_sample = blocks.n_rows > SEARCHED_MEMBERS
    searched = take_sample(blocks, SEARCHED_MEMBERS, random, report_step)
    vectors = SearchedVectors(searched)
    found = _evolve(vectors, n_clusters, random, report_step, options)
    finalists = [_find_means(searched, labels, n_clusters) for labels in found.labels[:_FINALISTS]]
    sizes = np.bincount(found.labels[0], minlength=n_clusters)
    cost = cluster_sizes.find_largest_value(len(searched), n_clusters, options.size_weight)
    explained = (float(found.explained[0]) - cost) / float(vectors.squared_lengths.sum(dtype=np.float64))
    if is_sample and options.size_weight:
        labels = cluster_sizes.settle(blocks, finalists[0], sizes, options.size_weight, report_step)
    elif is_sample:
        labels = kmeans.refine(blocks, finalists, report_step)
    else:
        # The optimum has each member nearest to its own mean; this brings equal members together.
        distances = find_distances(vectors, finalists[0][np.newaxis])[0]
        distances -= cluster_sizes.find_head_starts(sizes, options.size_weight)[:, np.newaxis]
        labels = distances.argmin(axis=0).astype(np.int32)
        is_lost = options.size_weight and len(np.unique(labels)) < np.count_nonzero(sizes)
        if is_lost and len(np.unique(searched, axis=0)) >= n_clusters:
            labels = found.labels[0]  # a cluster that was asked for stays
    return SearchedClusters(labels, (explained,), sizes_count=options.size_weight > 0)


def search_for_each(
    blocks: Blocks,
    cluster_counts: Sequence[int],
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> Iterator[SearchedClusters]:
    """Does what ``search`` does, once for each number of clusters, in turn."""
    for n_clusters in cluster_counts:
        yield search(blocks, n_clusters, seed, report_step, part_dimensions)


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work beside the vectors, in bytes, with the random vectors of ``choice``."""
    searched = min(n_members, SEARCHED_MEMBERS)
    sample = 2 * searched * dimension * 4
    groupings = 4 * searched * (K_MEANS.population + 2 * K_MEANS.children)
    return sample + groupings + member_moves.estimate_bytes()


def _evolve(
    vectors: SearchedVectors,
    n_clusters: int,
    random: np.random.Generator,
    report_step: Callable[[], None],
    options: SearchOptions,
) -> Groupings:
    """Evolves a population; returns it, the best first."""
    starts = [
        vectors.rows[random.choice(len(vectors), n_clusters, replace=False)]
        for _ in range(options.population)
    ]

    tables = cluster_sizes.SizeTables(len(vectors), n_clusters, options.size_weight)

    def improve(means: Sequence[NDArray[np.float32]]) -> Groupings:
        return member_moves.improve(vectors, means, random, report_step, tables)

    population = _survive(improve(starts), options.population)
    unchanged = 0
    for _ in range(MAX_GENERATIONS):
        report_step()
        before = population.explained[0]
        children = [_breed(vectors, population, n_clusters, random) for _ in range(options.children)]
        population = _survive(member_moves.join([population, improve(children)]), options.population)
        unchanged = 0 if population.explained[0] > before * (1 + _SAME) else unchanged + 1
        if unchanged == options.patience:
            break
    return population


def _survive(groupings: Groupings, population: int) -> Groupings:
    """Keeps the best groupings, of equally good ones only one: they are almost surely the same."""
    order = np.argsort(-groupings.explained, kind="stable")
    ranked = groupings.explained[order]
    differs = np.append(True, ranked[1:] < ranked[:-1] * (1 - _SAME))
    return groupings.take(order[differs][:population])


def _breed(
    vectors: SearchedVectors,
    population: Groupings,
    n_clusters: int,
    random: np.random.Generator,
) -> NDArray[np.float32]:
    """Returns a child's means: each from one of two parents, but one, which is a member drawn anew."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 (see scoring/matching.py)

    # Of two groupings drawn, the better one becomes a parent: the population is ranked.
    parents = random.integers(len(population.explained), size=(2, 2)).min(axis=1)
    first, second = (_find_means(vectors.rows, population.labels[parent], n_clusters) for parent in parents)
    distances = np.square(first).sum(axis=1)[:, np.newaxis] - 2 * first @ second.T
    distances += np.square(second).sum(axis=1)
    _, partners = linear_sum_assignment(distances)
    means = np.where(random.random(n_clusters)[:, np.newaxis] < 0.5, first, second[partners])
    replaced = int(random.integers(n_clusters))
    others = means[np.arange(n_clusters) != replaced]
    distances = find_distances(vectors, others[np.newaxis])[0]
    chances = np.maximum(distances.min(axis=0), 0).astype(np.float64)
    if chances.sum() > 0:
        means[replaced] = vectors.rows[random.choice(len(vectors), p=chances / chances.sum())]
    return means


def _find_means(
    vectors: NDArray[np.float32], labels: NDArray[np.int32], n_clusters: int
) -> NDArray[np.float32]:
    memberships = (np.arange(n_clusters)[:, np.newaxis] == labels).astype(np.float32)
    sizes = memberships.sum(axis=1, keepdims=True)
    means: NDArray[np.float32] = memberships @ vectors / np.maximum(sizes, 1)
    return means
