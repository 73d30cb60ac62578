"""Orthonormal columns, panel by panel: a decomposition of all at once could not be stopped."""

from collections.abc import Callable

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from octcluster_clusterer.tiles import slices

_WIDEST = 256
_NARROWEST = 16
_OPERATIONS_AT_ONCE = 2**29
_MAX_PASSES = 6
_NEARLY_ORTHOGONAL = 1e-3
"""Once taken off columns of length 1, such an overlap leaves rounding errors alone."""


def orthonormalize(columns: NDArray[np.floating], report_step: Callable[[], None]) -> None:
    """Makes columns orthogonal to each other and of length 1, in place, in the space that they span.

    Each panel of columns is freed of its parts along the columns before it, and decomposed; twice at least,
    because once leaves rounding errors where little is left.

    Args:
        columns: float32 or float64, shape (n_rows, n_columns), no more columns than rows.
        report_step: Called often.

    References:
        Barlow and Smoktunowicz, "Reorthogonalized block classical Gram-Schmidt", 2013,
        doi:10.1007/s00211-012-0496-2.
    """
    n_rows, n_columns = columns.shape
    width = min(max(int((_OPERATIONS_AT_ONCE / n_rows) ** 0.5), _NARROWEST), _WIDEST)
    for part in slices(n_columns, width):
        before, panel = columns[:, : part.start], columns[:, part]
        for passes in range(_MAX_PASSES):
            overlap = before.T @ panel
            report_step()
            panel = scipy.linalg.qr(panel - before @ overlap, mode="economic", check_finite=False)[0]
            report_step()
            if not overlap.size or (passes and np.abs(overlap).max() < _NEARLY_ORTHOGONAL):
                break
        columns[:, part] = panel
