"""Gaussian mixture: clusters that differ in size and spread, each dimension with its own variance."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

STARTS = 3
_SHARE_OF_MEAN_VARIANCE = 0.01
"""Added to every variance, so that no component collapses on few members: a share of the mean variance."""


def cluster(
    vectors: NDArray[np.float32],
    n_clusters: int,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> NDArray[np.int32]:
    """Fits a mixture of Gaussians with diagonal covariances, begun by K-means; the likeliest of three starts.

    References:
        Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM algorithm", 1977;
        ``sklearn.mixture.GaussianMixture``.
    """
    added_variance = _SHARE_OF_MEAN_VARIANCE * float(vectors.var(dtype=np.float64))
    best: GaussianMixture | None = None
    for start_seed in np.random.SeedSequence(seed).generate_state(STARTS):
        report_step()
        model = GaussianMixture(
            n_clusters, covariance_type="diag", reg_covar=added_variance, random_state=int(start_seed)
        ).fit(vectors)
        if best is None or model.lower_bound_ > best.lower_bound_:
            best = model
    assert best is not None  # noqa: S101 - there is at least one start
    report_step()
    return best.predict(vectors)


def estimate_bytes(n_members: int, dimension: int) -> int:
    """Estimates the memory at work: two copies of the vectors, a few numbers of each member."""
    return 8 * n_members * dimension + 128 * n_members
