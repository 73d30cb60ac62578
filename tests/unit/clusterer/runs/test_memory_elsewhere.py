"""The memory of a run whose vectors lie on Dask workers: what comes here counts, and nothing else."""

from dataclasses import replace

import pytest
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.memory import MemoryAllowance
from octcluster_clusterer.model import Algorithm, Preparation, RunSpec, VectorSpace
from octcluster_clusterer.runs.memory_estimate import check_memory

MILLION = 10**6
SPEC = RunSpec(
    "0" * 32,
    VectorSpace(bytes(32), 3104),
    Preparation(pca=48, whiten=True, part_dimensions=(672, 1152, 1280)),
    [Algorithm.KMEANS],
    2,
    10,
    0,
)
HERE = MemoryAllowance(3 * 2**30, 230 * 2**20)
ELSEWHERE = replace(HERE, vectors_elsewhere=True)


def test_a_million_vectors_fit_where_only_prepared_ones_come() -> None:
    check_memory(SPEC, MILLION, ELSEWHERE)
    with pytest.raises(InvalidRequest, match="1000000 vectors of 3104 values"):
        check_memory(SPEC, MILLION, HERE)


def test_prepared_vectors_are_counted() -> None:
    with pytest.raises(InvalidRequest, match=r"1000000 prepared vectors, and 0\.5 GiB are allowed"):
        check_memory(SPEC, MILLION, replace(ELSEWHERE, limit_bytes=2**29))


@pytest.mark.parametrize(
    ("preparation", "n_members"),
    [
        (Preparation(), MILLION),  # nothing is left out of a vector
        (Preparation(pca=48), 3103),  # fewer members than dimensions
    ],
)
def test_vectors_that_must_come_here_are_counted(preparation: Preparation, n_members: int) -> None:
    spec = replace(SPEC, preparation=preparation)
    little = replace(ELSEWHERE, limit_bytes=ELSEWHERE.resting_bytes + 4 * 3104 * n_members)
    with pytest.raises(InvalidRequest, match=f"{n_members} vectors of 3104 values"):
        check_memory(spec, n_members, little)


def test_a_share_of_the_variance_is_checked_again_when_it_is_known() -> None:
    spec = replace(SPEC, preparation=Preparation(pca=0.99))
    check_memory(spec, MILLION, ELSEWHERE)
    with pytest.raises(InvalidRequest, match="prepared vectors"):
        check_memory(spec, MILLION, ELSEWHERE, 8000)
