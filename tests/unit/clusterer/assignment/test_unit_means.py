"""Means of units whose images come in pieces."""

import numpy as np
from octcluster_clusterer.assignment.unit_means import NO_UNIT, UnitMeans
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.preparation.units import pool


def test_means_are_those_of_a_run_of_units_however_the_images_come() -> None:
    vectors = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)
    units = [4, 4, NO_UNIT, 2, 7, 2, 4, 2, 2]
    means = UnitMeans()
    for part in (slice(0, 1), slice(1, 4), slice(4, 9)):
        means.add(units[part], vectors[part])
    assert means.images == {4: 3, 2: 4, 7: 1}
    rows = [row for row, unit in enumerate(units) if unit != NO_UNIT]
    numbers = np.array([list(means.images).index(units[row]) for row in rows], dtype=np.int32)
    np.testing.assert_array_equal(means.means(), pool(MemoryBlocks(vectors[rows]), numbers))
