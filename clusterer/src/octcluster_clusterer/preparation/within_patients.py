"""Whitening within patients: directions in which images of one patient differ say little of pathology.

What differs between images of one patient (the place on the retina, the day, the noise) is a nuisance, and
known without any label. Speaker recognition takes it off in the same way.
"""

from collections.abc import Callable

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from octcluster_clusterer.preparation.fitted import multiply_rows
from octcluster_clusterer.tiles import slices

LEAST_SHRINKAGE = 0.5
"""Share of a sphere in the scatter: images of one patient may differ in pathology, too."""
_VALUES_AT_ONCE = 2**18


def find_patient_whitening(
    vectors: NDArray[np.float32], patients: NDArray[np.int64], report_step: Callable[[], None]
) -> NDArray[np.float32]:
    """Finds the matrix that gives every direction the same scatter within patients, or nearly so.

    The scatter is shrunk towards a sphere: with few members beside others of their patient it is noise. The
    matrix is upper triangular: the leading dimensions after it depend on the leading ones before it alone.
    It keeps the mean squared length of whitened vectors.

    Args:
        vectors: float32, shape (n_members, dimension).
        patients: int64, shape (n_members,): numbers from 0, without gaps.
        report_step: Called often.

    Returns:
        float32, shape (dimension, dimension), to multiply rows by; the identity if no two members share a
        patient, or if those that do are equal.

    References:
        Hatch, Kajarekar and Stolcke, "Within-class covariance normalization for SVM-based speaker
        recognition", Interspeech 2006.
    """
    shared = np.flatnonzero(np.bincount(patients)[patients] > 1)
    return find_whitening(*_find_scatter(vectors, shared, patients[shared], report_step))


def find_whitening(
    scatter: NDArray[np.float64], n_differences: int, least_shrinkage: float = LEAST_SHRINKAGE
) -> NDArray[np.float32]:
    """Finds the matrix that gives every direction the same scatter, or nearly so.

    Args:
        scatter: float64, shape (dimension, dimension): sum of products of differences; overwritten.
        n_differences: How many independent differences it comes from.
        least_shrinkage: Least share of a sphere.

    Returns:
        float32, shape (dimension, dimension), as of ``find_patient_whitening``; the identity if nothing
        differs.
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


def whiten_patients(
    columns: NDArray[np.float32], patients: NDArray[np.int64], report_step: Callable[[], None]
) -> NDArray[np.float32]:
    """Whitens vectors within patients, in place; arguments and result are those of find_patient_whitening."""
    matrix = find_patient_whitening(columns, patients, report_step)
    multiply_rows(columns, matrix, columns, report_step)
    return matrix


def find_shrinkage(n_differences: int, dimension: int, least: float = LEAST_SHRINKAGE) -> float:
    """The share of the sphere: four differences for each dimension, and at least ``least``."""
    prior = 4 * dimension
    return max(least, prior / (prior + n_differences))


def _find_scatter(
    vectors: NDArray[np.float32],
    members: NDArray[np.int64],
    patients: NDArray[np.int64],
    report_step: Callable[[], None],
) -> tuple[NDArray[np.float64], int]:
    """Sum of products of the members' differences from their patient's mean, and the number of free ones.

    The sum is float64, shape (dimension, dimension).
    """
    dimension = vectors.shape[1]
    _, numbers, sizes = np.unique(patients, return_inverse=True, return_counts=True)
    blocks = slices(members.size, max(1, _VALUES_AT_ONCE // dimension))
    means = np.zeros((sizes.size, dimension))
    for rows in blocks:
        report_step()
        np.add.at(means, numbers[rows], vectors[members[rows]])
    means /= sizes[:, np.newaxis]
    scatter = np.zeros((dimension, dimension))
    for rows in blocks:
        report_step()
        differences = vectors[members[rows]] - means[numbers[rows]]
        scatter += differences.T @ differences
    return scatter, members.size - sizes.size
