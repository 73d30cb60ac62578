"""The words that the client and a service both know are the same: neither imports the other."""

from octcluster import runs
from octcluster.runs import MODELS
from octcluster_clusterer.runs import Algorithm
from octcluster_embedder.models.registry import MODELS as SERVED_MODELS
from octcluster_embedder.spaces import Features


def test_models() -> None:
    assert list(MODELS) == list(SERVED_MODELS)


def test_features() -> None:
    assert list(runs.FEATURES) == list(Features)


def test_algorithms() -> None:
    assert list(runs.ALGORITHMS) == list(Algorithm)
