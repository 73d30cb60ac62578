"""All eigenvalues of a symmetric matrix and their vectors; a large one is decomposed in a process beside.

LAPACK does it in one call that nobody can stop: half a second for a side of 1280, two for 2048, minutes for
8192. A process can be ended.
"""

import os
import select
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from octcluster_clusterer.tiles import slices

DIRECT_SIDE = 1280
"""Largest side of a matrix that is decomposed in this process."""
PROCESS_BYTES = 80 * 2**20
"""The process beside, with its libraries alone."""
_MODULE = "octcluster_clusterer.preparation.eigen_decomposition"
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # for the same bits, see pipeline.py
_SECONDS_BETWEEN_REPORTS = 0.2
_ROWS_AT_ONCE = 1024


def decompose(
    matrix: NDArray[np.float64], report_step: Callable[[], None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Finds all eigenvalues and eigenvectors.

    Args:
        matrix: float64, shape (side, side), symmetric, C-contiguous; overwritten.
        report_step: Called often; what it raises gets through at once.

    Returns:
        float64, shape (side,), falling, and float64, shape (side, side), columns of length 1.
    """
    decompose_where = _decompose_here if len(matrix) <= DIRECT_SIDE else _decompose_beside
    values, rows = decompose_where(matrix, report_step)
    report_step()
    return values[::-1], rows[::-1].T


def _decompose_here(
    matrix: NDArray[np.float64], report_step: Callable[[], None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The eigenvalues, rising, and the eigenvectors as rows."""
    # Overwriting a Fortran-ordered matrix (the transpose of a symmetric one is itself) saves a copy.
    values, columns = scipy.linalg.eigh(matrix.T, overwrite_a=True, check_finite=False, driver="evr")
    return values, columns.T


def _decompose_beside(
    matrix: NDArray[np.float64], report_step: Callable[[], None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As ``_decompose_here``; the eigenvectors are in the memory of ``matrix``."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", _MODULE, str(len(matrix))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **_ONE_THREAD},
    )
    assert process.stdin  # noqa: S101 - a pipe
    assert process.stdout  # noqa: S101 - a pipe
    values = np.empty(len(matrix))
    with process.stdin, process.stdout:
        try:
            for rows in slices(len(matrix), _ROWS_AT_ONCE):
                process.stdin.write(matrix[rows].data)
                report_step()
            process.stdin.flush()
            while not select.select([process.stdout], [], [], _SECONDS_BETWEEN_REPORTS)[0]:
                report_step()
            is_whole = _read_into(process.stdout.fileno(), values, matrix)
        finally:
            process.kill()
            process.wait()
    if not is_whole:
        raise RuntimeError(
            "the process that decomposes a matrix ended early: its reason is in the log before this"
        )
    return values, matrix


def _read_into(file_number: int, *arrays: NDArray[np.float64]) -> bool:
    """Fills arrays from a file; says whether there was enough."""
    with open(file_number, "rb", closefd=False) as file:
        return all(file.readinto(array.data) == array.nbytes for array in arrays)


def main() -> None:
    """Decomposes one matrix, with the side of the first argument, from the standard input to the output."""
    side = int(sys.argv[1])
    matrix = np.empty((side, side))
    if not _read_into(sys.stdin.fileno(), matrix):
        return  # nobody waits for it any more
    values, rows = _decompose_here(matrix, lambda: None)
    sys.stdout.buffer.write(values.data)
    sys.stdout.buffer.write(np.ascontiguousarray(rows).data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
