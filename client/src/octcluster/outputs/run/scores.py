"""scores.json: how good each clustering is."""

import json
import math
from collections.abc import Sequence

from octcluster.images.leaks import Leaks, find_leaks
from octcluster.model.results import Association, ClusteringResult, Contingency, RunResult, Score
from octcluster.model.runs import RunSpec
from octcluster.workflows.outcome import RunOutcome

_SHORT_NAMES = {
    "adjusted_rand_index": "ari",
    "adjusted_mutual_information": "ami",
    "normalized_mutual_information": "nmi",
}


def format_scores(outcome: RunOutcome) -> bytes:
    """Formats strict JSON; an undefined score is null, with its reason as ``<score>_reason``.

    The file stays on this machine: it names images and patients.
    """
    classes = outcome.image_set.classes
    document = {
        "images": len(outcome.image_set.images),
        "failed": len(outcome.failures),
        "space": outcome.space.digest.hex(),
        "results": [
            {
                **_describe_result(result, classes),
                **_describe_rating(result, outcome.result),
                **_describe_stability(result, outcome.spec),
            }
            for result in outcome.result.results
        ],
        "chosen": outcome.result.chosen,
        "chosen_reason": outcome.result.chosen_reason,
        "duplicates": _describe_duplicates(outcome),
        "patients": _describe_patients(find_leaks(outcome.members, outcome.result.duplicates)),
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
        name = short_name(long_name)
        value, reason = read_score(score)
        document[name] = value
        if value is None:
            document[f"{name}_reason"] = reason
        document[f"{name}_interval"] = _read_interval(score)
    document["contingency"] = describe_contingency(result.contingency, classes)
    if result.contingency is None:
        document["contingency_reason"] = "no image has a known class"
    document["associations"] = [_describe_association(association) for association in result.associations]
    document["seconds"] = round(result.seconds, 3)
    return document


def _describe_rating(result: ClusteringResult, run: RunResult) -> dict[str, object]:
    if result.rating is not None:
        return {"rating": result.rating}
    if all(each.rating is None for each in run.results):
        return {"rating": None, "rating_reason": "the run did not choose by ratings"}
    return {"rating": None, "rating_reason": "there are no results of one cluster less and one more"}


def _describe_stability(result: ClusteringResult, spec: RunSpec) -> dict[str, object]:
    stability = result.stability
    if stability is None:
        asked_for = "it is found for the chosen result alone" if spec.stability_resamples else "not asked for"
        return {"stability": None, "stability_reason": asked_for}
    value, reason = read_score(stability.overall)
    document = {
        "overall": value,
        **({} if reason is None else {"overall_reason": reason}),
        "clusters": [read_score(score)[0] for score in stability.clusters],
        "resamples": stability.resamples,
    }
    return {"stability": document}


def _describe_association(association: Association) -> dict[str, object]:
    value, reason = read_score(association.adjusted_mutual_information)
    return {
        "name": association.name,
        "mutual_information": association.mutual_information,
        "adjusted_mutual_information": value,
        **({} if reason is None else {"adjusted_mutual_information_reason": reason}),
        "images": association.members,
    }


def _describe_duplicates(outcome: RunOutcome) -> dict[str, object] | None:
    duplicates = outcome.result.duplicates
    if duplicates is None:
        return None
    return {
        "threshold": duplicates.threshold,
        "total_pairs": duplicates.total_pairs,
        "pairs": [
            {
                "image": outcome.members[pair.first_member].name,
                "other_image": outcome.members[pair.second_member].name,
                "similarity": pair.similarity,
            }
            for pair in duplicates.pairs
        ],
    }


def _describe_patients(leaks: Leaks) -> dict[str, object]:
    return {
        "known": leaks.patients,
        "in_several_classes": [
            {"patient": patient, "classes": list(classes)}
            for patient, classes in leaks.patients_in_classes.items()
        ],
        "splits": list(leaks.splits),
        "in_several_splits": [
            {"patient": patient, "splits": list(splits)}
            for patient, splits in leaks.patients_in_splits.items()
        ],
    }


def short_name(score: str) -> str:
    """The name of a score in the files."""
    return _SHORT_NAMES.get(score, score)


def read_score(score: Score) -> tuple[float | None, str | None]:
    """The value of a score, or why there is none."""
    if score.value is None:
        return None, score.undefined_reason
    if not math.isfinite(score.value):
        return None, "the clusterer gave no finite number"
    return score.value, None


def _read_interval(score: Score) -> list[float] | None:
    if score.interval is None or not all(map(math.isfinite, (score.interval.low, score.interval.high))):
        return None
    return [score.interval.low, score.interval.high]


def describe_contingency(contingency: Contingency | None, classes: Sequence[str]) -> dict[str, object] | None:
    """The table of classes and clusters for the files."""
    if contingency is None:
        return None
    return {
        "classes": [classes[index] for index in contingency.class_indices],
        "clusters": list(contingency.clusters),
        "counts": [list(row) for row in contingency.counts],
    }
