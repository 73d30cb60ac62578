"""scores.json: how good each clustering is."""

import json
import math
from collections.abc import Sequence

from octcluster.results import ClusteringResult, Contingency, Score
from octcluster.workflows.outcome import RunOutcome

_SHORT_NAMES = {
    "adjusted_rand_index": "ari",
    "adjusted_mutual_information": "ami",
    "normalized_mutual_information": "nmi",
}


def format_scores(outcome: RunOutcome) -> bytes:
    """Formats strict JSON; an undefined score is null, with its reason as ``<score>_reason``."""
    classes = outcome.image_set.classes
    document = {
        "images": len(outcome.image_set.images),
        "failed": len(outcome.failures),
        "space": outcome.space.digest.hex(),
        "results": [_describe_result(result, classes) for result in outcome.result.results],
        "chosen": outcome.result.chosen,
        "chosen_reason": outcome.result.chosen_reason,
    }
    return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()


def _describe_result(result: ClusteringResult, classes: Sequence[str]) -> dict[str, object]:
    document: dict[str, object] = {
        "algorithm": result.algorithm,
        "k": result.requested_clusters,
        "clusters": result.clusters,
        "noise": result.noise,
    }
    for long_name, score in result.scores.items():
        name = _SHORT_NAMES.get(long_name, long_name)
        value, reason = _read_score(score)
        document[name] = value
        if value is None:
            document[f"{name}_reason"] = reason
    document["contingency"] = _describe_contingency(result.contingency, classes)
    if result.contingency is None:
        document["contingency_reason"] = "no image has a known class"
    document["seconds"] = round(result.seconds, 3)
    return document


def _read_score(score: Score) -> tuple[float | None, str | None]:
    if score.value is None:
        return None, score.undefined_reason
    if not math.isfinite(score.value):
        return None, "the clusterer gave no finite number"
    return score.value, None


def _describe_contingency(
    contingency: Contingency | None, classes: Sequence[str]
) -> dict[str, object] | None:
    if contingency is None:
        return None
    return {
        "classes": [classes[index] for index in contingency.class_indices],
        "clusters": list(contingency.clusters),
        "counts": [list(row) for row in contingency.counts],
    }
