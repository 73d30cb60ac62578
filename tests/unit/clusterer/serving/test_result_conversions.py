"""What a run found, as the message of the contract."""

import numpy as np
import pytest
from octcluster_clusterer.model import Algorithm, Interval, Preparation, RunSpec, Score, VectorSpace
from octcluster_clusterer.runs.records import RunResult
from octcluster_clusterer.serving.result_conversions import from_result
from octcluster_clusterer.trust.duplicates import Duplicates, DuplicateSearch, NearDuplicate
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb

SPEC = RunSpec("0" * 32, VectorSpace(bytes(32), 2), Preparation(), [Algorithm.KMEANS], 2, 2, seed=0)
PAIRS = [NearDuplicate(1, 4, 0.96)]


def convert(duplicates: Duplicates) -> pb.Duplicates:
    coordinates, ratios = np.zeros((5, 2), dtype=np.float32), np.ones(2)
    return from_result(RunResult([], 0, "", coordinates, 2, 2, ratios, duplicates, {}), SPEC).duplicates


def test_a_search_of_all_pairs_has_no_estimate() -> None:
    found = convert(Duplicates(PAIRS, 7, 0.95))
    assert not found.HasField("search")
    assert (found.total_pairs, found.pairs[0].second_member) == (7, 4)


@pytest.mark.parametrize("exceeded", [True, False])
def test_a_search_in_buckets_has_its_recall(exceeded: bool) -> None:
    recall = Score(0.75, interval=Interval(0.5, 0.875), sampled_members=60)
    found = convert(Duplicates(PAIRS, 7, 0.95, DuplicateSearch(60, 8, recall, exceeded)))
    assert found.search == pb.DuplicateSearch(
        sampled_members=60,
        sampled_pairs=8,
        recall=pb.Score(value=0.75, interval=pb.Interval(low=0.5, high=0.875), sampled_members=60),
        exceeded=exceeded,
    )
    unknown = convert(Duplicates([], 0, 0.95, DuplicateSearch(60, 0, Score(undefined_reason="none"))))
    assert unknown.search.recall == pb.Score(undefined_reason="none")
