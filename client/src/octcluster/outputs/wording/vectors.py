"""Where the vectors of a job come from, in words for people."""

from octcluster.model.own_vectors import OWN_VECTORS
from octcluster.model.runs import EmbeddingSpace
from octcluster.workflows.outcome import AssignOutcome, RunOutcome


def describe_space(space: EmbeddingSpace) -> str:
    """What the vectors are."""
    values = f"{space.dimension:,} values an image"
    if space.model == OWN_VECTORS:
        return f"given vectors, {values}"
    return f"{space.model}, features {space.features}, {values}"


def describe_sources(outcome: RunOutcome | AssignOutcome) -> str:
    """How many images were embedded, had a vector before, and failed."""
    failed = f"{len(outcome.failures):,} failed"
    if "embedder" not in outcome.versions:
        return f"{len(outcome.members):,} with given vectors, {failed}"
    return f"{outcome.embedded:,} embedded, {outcome.cached:,} from the cache, {failed}"
