"""What all tests of clustering share."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="module", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """BLAS has one thread, as in a run: with two, small products of matrices mostly wait for each other."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield
