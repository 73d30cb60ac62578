"""What a stage costs: its time added up, and the highest memory within it, not before it."""

import time

import numpy as np
from octcluster_clusterer.model import Stage
from octcluster_clusterer.runs.stage_costs import StageCosts

BLOCK_BYTES = 64 * 2**20


def test_a_stage_has_the_highest_memory_within_it_and_its_time_in_all() -> None:
    costs = StageCosts()
    with costs.measured(Stage.LOADING):
        np.ones(BLOCK_BYTES, dtype=np.uint8)
    with costs.measured(Stage.SCORING):
        time.sleep(0.01)
    with costs.measured(Stage.LOADING):
        time.sleep(0.01)
    assert costs.peak_bytes[Stage.LOADING] - costs.peak_bytes[Stage.SCORING] > 0.9 * BLOCK_BYTES
    assert costs.seconds[Stage.SCORING] >= 0.01
    assert costs.seconds[Stage.LOADING] > 0.01
