"""What a run may ask for of many images, told before any work."""

import pytest
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import Algorithm, Preparation, RunSpec, VectorSpace
from octcluster_clusterer.runs.spec_rules import MOST_UNITS, check_spec

MANY = 2**17


def make_spec(*algorithms: Algorithm) -> RunSpec:
    return RunSpec("0" * 32, VectorSpace(bytes(32), 12), Preparation(), algorithms, 2, 4, 0)


def test_what_compares_all_pairs_is_refused_above_a_size_with_the_cure() -> None:
    algorithm = Algorithm.AGGLOMERATIVE
    check_spec(make_spec(algorithm), MANY)
    with pytest.raises(
        InvalidRequest, match=f"{algorithm} compares all pairs.*131072.*131073.*choose kmeans.*--per-class"
    ):
        check_spec(make_spec(Algorithm.KMEANS, algorithm), MANY + 1)


def test_it_is_what_is_clustered_that_counts() -> None:
    check_spec(make_spec(Algorithm.AGGLOMERATIVE), 2 * MANY, MANY)
    with pytest.raises(InvalidRequest, match="agglomerative"):
        check_spec(make_spec(Algorithm.AGGLOMERATIVE), 2 * MANY, MANY + 1)


def test_all_others_take_a_million() -> None:
    check_spec(make_spec(*(one for one in Algorithm if one not in MOST_UNITS)), 10**6)
