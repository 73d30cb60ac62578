"""Clusters are matched with classes as SciPy would match them."""

import numpy as np
import pytest
from octcluster.model.class_matching import match_clusters
from scipy.optimize import linear_sum_assignment


@pytest.mark.parametrize("largest", [1, 4, 1000])
def test_the_match_is_the_best_of_all(largest: int) -> None:
    draw = np.random.default_rng(largest)
    for _ in range(300):
        counts = draw.integers(0, largest, size=draw.integers(1, 9, size=2), endpoint=True)
        match = match_clusters(counts.tolist())
        assert len(match) == min(counts.shape) == len(set(match.values()))
        best = counts[linear_sum_assignment(counts, maximize=True)].sum()
        assert sum(counts[row, column] for column, row in match.items()) == best


def test_nothing_matches_nothing() -> None:
    assert match_clusters([]) == match_clusters([[]]) == {}
