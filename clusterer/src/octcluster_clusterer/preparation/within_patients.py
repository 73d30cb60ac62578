"""Whitening within patients: directions in which images of one patient differ say little of pathology.

What differs between images of one patient (the place on the retina, the day, the noise) is a nuisance, and
known without any label. Speaker recognition takes it off in the same way.
"""

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

LEAST_SHRINKAGE = 0.5
"""Share of a sphere in the scatter: images of one patient may differ in pathology, too."""


def find_whitening(
    scatter: NDArray[np.float64], n_differences: int, least_shrinkage: float = LEAST_SHRINKAGE
) -> NDArray[np.float32]:
    """Finds the matrix that gives every direction the same scatter, or nearly so.

    The scatter is shrunk towards a sphere: from few differences it is noise. The matrix is upper triangular:
    the leading dimensions after it depend on the leading ones before it alone. It keeps the mean squared
    length of whitened vectors.

    Args:
        scatter: float64, shape (dimension, dimension): sum of products of differences; overwritten.
        n_differences: How many independent differences it comes from.
        least_shrinkage: Least share of a sphere.

    Returns:
        float32, shape (dimension, dimension), to multiply rows by; the identity if nothing differs.

    References:
        Hatch, Kajarekar and Stolcke, "Within-class covariance normalization for SVM-based speaker
        recognition", Interspeech 2006.
    """
    dimension = len(scatter)
    mean_variance = np.trace(scatter) / dimension
    if mean_variance == 0:
        return np.eye(dimension, dtype=np.float32)
    shrinkage = find_shrinkage(n_differences, dimension, least_shrinkage)
    scatter *= (1 - shrinkage) / mean_variance
    scatter.flat[:: dimension + 1] += shrinkage
    matrix = scipy.linalg.solve_triangular(
        np.linalg.cholesky(scatter), np.eye(dimension), lower=True, overwrite_b=True
    ).T
    matrix *= np.sqrt(dimension / np.square(matrix).sum())
    return np.ascontiguousarray(matrix, dtype=np.float32)


def find_shrinkage(n_differences: int, dimension: int, least: float = LEAST_SHRINKAGE) -> float:
    """The share of the sphere: four differences for each dimension, and at least ``least``."""
    prior = 4 * dimension
    return max(least, prior / (prior + n_differences))
