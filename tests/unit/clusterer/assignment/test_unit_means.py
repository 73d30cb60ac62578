"""Means of units whose images come in pieces."""

import numpy as np
from octcluster_clusterer.assignment.unit_means import NO_UNIT, UnitMeans


def test_a_unit_is_handed_over_once_and_when_its_images_are_in() -> None:
    vectors = np.arange(14, dtype=np.float32).reshape(7, 2)
    means = UnitMeans()
    means.add([4, 4, NO_UNIT], vectors[:3])
    (first,) = means.take(all_are_in=False)
    assert (first.number, first.mean.tolist(), first.n_images) == (4, [1, 2], 2)
    means.add([2], vectors[3:4])
    assert means.take(all_are_in=False) == []
    means.add([2, 2, 7], vectors[4:])
    (second,) = means.take(all_are_in=False)
    assert (second.number, second.mean.tolist(), second.n_images) == (2, [8, 9], 3)
    (third,) = means.take(all_are_in=True)
    assert (third.number, third.n_images) == (7, 1)
    assert means.take(all_are_in=True) == []
