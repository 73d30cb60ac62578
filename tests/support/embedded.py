"""What became of images that were embedded."""

from octcluster_embedder.queueing.model_queue import Embedding
from octcluster_embedder.queueing.requests import Outcome
from octcluster_embedder.runtimes.runtime import Vectors


def vector_of(outcome: Outcome) -> Vectors:
    """The vector of an image, which must have one."""
    assert isinstance(outcome.outcome, Embedding), outcome.outcome
    return outcome.outcome.vector
