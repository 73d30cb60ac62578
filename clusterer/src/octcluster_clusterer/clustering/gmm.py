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
from octcluster_clusterer.tiles import count_threads, map_in_order, slices

STARTS = 3
MAX_ITERATIONS = 100
_SETTLED = 1e-3
"""The iterations end when the mean log-likelihood of a member grows by less than this."""
_SHARE_OF_MEAN_VARIANCE = 0.01
"""Added to every variance, so that no component collapses on few members: a share of the mean variance."""
_ROWS_AT_ONCE = 1024

_ShareOut = Callable[[NDArray[np.float64], NDArray[np.float64], slice], tuple[NDArray[np.float64], float]]
"""Of a block, its squares and its rows: the members' shares in the components, and their log-likelihood."""


@dataclass(frozen=True)
class _Sums:
    """What the members add up to, by their shares in the components.

    Attributes:
        sizes: float64, shape (n_clusters,).
        vectors: float64, shape (n_clusters, dimension).
        squares: float64, shape (n_clusters, dimension).
        likelihood: Mean log-likelihood of a member.
    """

    sizes: NDArray[np.float64]
    vectors: NDArray[np.float64]
    squares: NDArray[np.float64]
    likelihood: float


class _Mixture:
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
    vectors: NDArray[np.float32],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> NDArray[np.int32]:
    """Fits a mixture of Gaussians with diagonal covariances, begun by K-means; the likeliest of three starts.

    References:
        Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM algorithm", 1977.
    """
    squared_lengths = np.einsum("ij,ij->i", vectors, vectors)
    # The mean is 0: no copy of the vectors, which numpy's variance would make.
    added_variance = (
        _SHARE_OF_MEAN_VARIANCE * float(squared_lengths.mean(dtype=np.float64)) / vectors.shape[1]
    )
    best: tuple[_Mixture, float] | None = None
    for start_seed in np.random.SeedSequence(seed).generate_state(STARTS):
        random = np.random.default_rng(int(start_seed))
        centers = choose_centers(vectors, squared_lengths, n_clusters, [random], report_step)
        labels = kmeans.refine(vectors, list(centers), report_step)
        mixture, likelihood = _fit(vectors, labels, n_clusters, added_variance, report_step)
        if best is None or likelihood > best[1]:
            best = mixture, likelihood
    assert best is not None  # noqa: S101 - there is at least one start
    return _assign(vectors, best[0], report_step)


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work: a few numbers of each member, each thread's block and its squares."""
    return 128 * n_members + 16 * count_threads() * min(_ROWS_AT_ONCE, n_members) * dimension


def _fit(
    vectors: NDArray[np.float32],
    labels: NDArray[np.int32],
    n_clusters: int,
    added_variance: float,
    report_step: Callable[[], None],
) -> tuple[_Mixture, float]:
    """Alternates between shares and components until the likelihood hardly grows; returns it, too."""
    clusters = np.arange(n_clusters)
    sums = _add_up(
        vectors,
        lambda _block, _squares, rows: ((labels[rows, np.newaxis] == clusters).astype(np.float64), 0.0),
        report_step,
    )
    mixture = _find_components(sums, added_variance)
    likelihood = -np.inf
    for _ in range(MAX_ITERATIONS):

        def share_out(
            block: NDArray[np.float64], squares: NDArray[np.float64], _: slice, current: _Mixture = mixture
        ) -> tuple[NDArray[np.float64], float]:
            densities = current.log_densities(block, squares)
            highest = densities.max(axis=1, keepdims=True)
            shares = np.exp(densities - highest)
            totals = shares.sum(axis=1, keepdims=True)
            return shares / totals, float((highest + np.log(totals)).sum())

        sums = _add_up(vectors, share_out, report_step)
        mixture = _find_components(sums, added_variance)
        if sums.likelihood - likelihood < _SETTLED:
            return mixture, sums.likelihood
        likelihood = sums.likelihood
    return mixture, likelihood


def _add_up(
    vectors: NDArray[np.float32],
    share_out: _ShareOut,
    report_step: Callable[[], None],
) -> _Sums:
    def add_up_rows(rows: slice) -> tuple[NDArray[np.float64], ...]:
        block = vectors[rows].astype(np.float64)
        squares = np.square(block)
        shares, likelihood = share_out(block, squares, rows)
        return shares.sum(axis=0), shares.T @ block, shares.T @ squares, np.array(likelihood)

    totals: list[NDArray[np.float64]] = []
    for _, parts in map_in_order(add_up_rows, slices(len(vectors), _ROWS_AT_ONCE)):
        report_step()
        totals = [total + part for total, part in zip(totals, parts, strict=True)] if totals else list(parts)
    sizes, sums, squares, likelihood = totals
    return _Sums(sizes, sums, squares, float(likelihood) / len(vectors))


def _find_components(sums: _Sums, added_variance: float) -> _Mixture:
    sizes = np.maximum(sums.sizes, 10 * np.finfo(np.float64).eps)[:, np.newaxis]
    means = sums.vectors / sizes
    variances = np.maximum(sums.squares / sizes - np.square(means), 0) + added_variance
    return _Mixture(sums.sizes / sums.sizes.sum(), means, variances)


def _assign(
    vectors: NDArray[np.float32], mixture: _Mixture, report_step: Callable[[], None]
) -> NDArray[np.int32]:
    labels = np.empty(len(vectors), dtype=np.int32)
    for rows in slices(len(vectors), _ROWS_AT_ONCE):
        report_step()
        block = vectors[rows].astype(np.float64)
        labels[rows] = mixture.log_densities(block, np.square(block)).argmax(axis=1)
    return labels
