"""Gaussian mixture: clusters that differ in size and spread, each dimension with its own variance.

The starts are K-means', the iterations are our own: they go through the vectors in blocks, without a copy of
them, give the same bits on any number of threads, and can be stopped at every step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering import kmeans
from octcluster_clusterer.clustering.kmeans_starts import choose_centers
from octcluster_clusterer.clustering.samples import take_sample
from octcluster_clusterer.engine.blocks import Blocks, cut
from octcluster_clusterer.preparation.block_steps import sum_squares
from octcluster_clusterer.tiles import SHORT_TOGETHER, count_threads, map_in_order, slices

STARTS = 3
MAX_ITERATIONS = 100
_SETTLED = 1e-3
"""The iterations end when the mean log-likelihood of a member grows by less than this."""
_SHARE_OF_MEAN_VARIANCE = 0.01
"""Added to every variance, so that no component collapses on few members: a share of the mean variance."""
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class _Sums:
    """What the members add up to, by their shares in the components.

    Attributes:
        sizes: float64, shape (n_clusters,).
        vectors: float64, shape (n_clusters, dimension).
        squares: float64, shape (n_clusters, dimension).
        likelihood: Sum of the log-likelihoods of the members.
    """

    sizes: NDArray[np.float64]
    vectors: NDArray[np.float64]
    squares: NDArray[np.float64]
    likelihood: float


class Mixture:
    """Components, ready to tell their densities."""

    def __init__(
        self, weights: NDArray[np.float64], means: NDArray[np.float64], variances: NDArray[np.float64]
    ) -> None:
        """Weights, shape (n_clusters,); means and variances, shape (n_clusters, dimension)."""
        precisions = 1 / variances
        self._linear = (means * precisions).T
        self._quadratic = precisions.T / -2
        self._constants = (
            np.log(np.maximum(weights, np.finfo(np.float64).tiny))
            - (np.log(2 * np.pi * variances) + np.square(means) * precisions).sum(axis=1) / 2
        )

    def log_densities(self, block: NDArray[np.float64], squares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logarithm of each component's weighted density at the block's members, given their squares.

        Returns:
            float64, shape (n_members, n_clusters).
        """
        densities: NDArray[np.float64] = block @ self._linear + squares @ self._quadratic + self._constants
        return densities


def cluster(
    blocks: Blocks,
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> NDArray[np.int32]:
    """Fits a mixture of Gaussians with diagonal covariances, begun by K-means; the likeliest of three starts.

    References:
        Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM algorithm", 1977.
    """
    # The mean is 0: no copy of the vectors, which numpy's variance would make.
    squares = blocks.reduce(sum_squares, np.add, report_step=report_step)
    added_variance = _SHARE_OF_MEAN_VARIANCE * float(squares.sum()) / blocks.n_rows / blocks.dimension
    best: tuple[Mixture, float] | None = None
    for start_seed in np.random.SeedSequence(seed).generate_state(STARTS):
        random = np.random.default_rng(int(start_seed))
        vectors = take_sample(blocks, kmeans.SEEDED_MEMBERS, random, report_step)
        squared_lengths = np.einsum("ij,ij->i", vectors, vectors)
        centers = choose_centers(vectors, squared_lengths, n_clusters, [random], report_step)
        labels = kmeans.refine(blocks, list(centers), report_step)
        mixture, likelihood = _fit(blocks, labels, n_clusters, added_variance, report_step)
        if best is None or likelihood > best[1]:
            best = mixture, likelihood
    assert best is not None  # noqa: S101 - there is at least one start
    labels = np.empty(blocks.n_rows, dtype=np.int32)
    for rows, likeliest in blocks.map(find_likeliest, best[0], report_step=report_step):
        labels[rows] = likeliest
    return labels


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work: a few numbers of each member, each thread's block and its squares."""
    return 128 * n_members + 16 * count_threads() * min(_ROWS_AT_ONCE, n_members) * dimension


def _fit(
    blocks: Blocks,
    labels: NDArray[np.int32],
    n_clusters: int,
    added_variance: float,
    report_step: Callable[[], None],
) -> tuple[Mixture, float]:
    """Alternates between shares and components until the likelihood hardly grows; returns it, too."""
    sums = blocks.reduce(add_up_clusters, add_sums, n_clusters, each=cut(labels), report_step=report_step)
    mixture = _find_components(sums, added_variance)
    likelihood = -np.inf
    for _ in range(MAX_ITERATIONS):
        sums = blocks.reduce(add_up_shares, add_sums, mixture, report_step=report_step)
        mixture = _find_components(sums, added_variance)
        grown = sums.likelihood / blocks.n_rows
        if grown - likelihood < _SETTLED:
            return mixture, grown
        likelihood = grown
    return mixture, likelihood


def add_up_clusters(
    block: NDArray[np.float32],
    n_clusters: int,
    labels: NDArray[np.int32],
    *,
    report_step: Callable[[], None],
) -> _Sums:
    """Sums of a block whose members each belong to one component alone."""
    clusters = np.arange(n_clusters)

    def share_out(
        _block: NDArray[np.float64], _squares: NDArray[np.float64], rows: slice
    ) -> tuple[NDArray[np.float64], float]:
        return (labels[rows, np.newaxis] == clusters).astype(np.float64), 0.0

    return _add_up(block, share_out, report_step)


def add_up_shares(block: NDArray[np.float32], mixture: Mixture, *, report_step: Callable[[], None]) -> _Sums:
    """Sums of a block whose members belong to the components as these are dense there."""

    def share_out(
        rows_of_block: NDArray[np.float64], squares: NDArray[np.float64], _rows: slice
    ) -> tuple[NDArray[np.float64], float]:
        densities = mixture.log_densities(rows_of_block, squares)
        highest = densities.max(axis=1, keepdims=True)
        shares = np.exp(densities - highest)
        totals = shares.sum(axis=1, keepdims=True)
        return shares / totals, float((highest + np.log(totals)).sum())

    return _add_up(block, share_out, report_step)


def add_sums(total: _Sums, more: _Sums) -> _Sums:
    """Adds those of other members."""
    return _Sums(
        total.sizes + more.sizes,
        total.vectors + more.vectors,
        total.squares + more.squares,
        total.likelihood + more.likelihood,
    )


def find_likeliest(
    block: NDArray[np.float32], mixture: Mixture, *, report_step: Callable[[], None]
) -> NDArray[np.int32]:
    """int32, shape (n_rows,): the component that is densest at each member."""
    labels = np.empty(len(block), dtype=np.int32)
    for rows in slices(len(block), _ROWS_AT_ONCE):
        report_step()
        own = block[rows].astype(np.float64)
        labels[rows] = mixture.log_densities(own, np.square(own)).argmax(axis=1)
    return labels


def _add_up(
    block: NDArray[np.float32],
    share_out: Callable[[NDArray[np.float64], NDArray[np.float64], slice], tuple[NDArray[np.float64], float]],
    report_step: Callable[[], None],
) -> _Sums:
    def add_up_rows(rows: slice) -> _Sums:
        own = block[rows].astype(np.float64)
        squares = np.square(own)
        shares, likelihood = share_out(own, squares, rows)
        return _Sums(shares.sum(axis=0), shares.T @ own, shares.T @ squares, likelihood)

    total: _Sums | None = None
    for _, found in map_in_order(add_up_rows, slices(len(block), _ROWS_AT_ONCE), SHORT_TOGETHER):
        report_step()
        total = found if total is None else add_sums(total, found)
    assert total is not None  # noqa: S101 - a block has rows
    return total


def _find_components(sums: _Sums, added_variance: float) -> Mixture:
    sizes = np.maximum(sums.sizes, 10 * np.finfo(np.float64).eps)[:, np.newaxis]
    means = sums.vectors / sizes
    variances = np.maximum(sums.squares / sizes - np.square(means), 0) + added_variance
    return Mixture(sums.sizes / sums.sizes.sum(), means, variances)
