"""scores.json: how good each clustering is."""

import math
from collections.abc import Sequence

from octcluster.images.leaks import Leaks
from octcluster.model.results import Association, ClusteringResult, DuplicateSearch, RunResult, Score
from octcluster.model.runs import RunSpec, Unit
from octcluster.outputs.json_files import (
    describe_contingency,
    describe_estimates,
    describe_score,
    format_json,
    read_score,
)
from octcluster.outputs.wording.score_names import SCORE_NAMES
from octcluster.workflows.outcome import RunOutcome


def format_scores(outcome: RunOutcome) -> bytes:
    """Formats strict JSON; an undefined score is null, with its reason as ``<score>_reason``.

    The file stays on this machine: it names images and patients.
    """
    classes = outcome.image_set.classes
    document = {
        "run_id": outcome.spec.run_id,
        "result_id": outcome.result_id,
        "unit": outcome.unit,
        "images": len(outcome.image_set.images),
        "failed": len(outcome.failures),
        **({} if outcome.eyes is None else {"eyes": len(outcome.units)}),
        "space": outcome.space.digest.hex(),
        "results": [
            {
                **_describe_result(result, classes, outcome.unit),
                **_describe_rating(result, outcome.result),
                **_describe_stability(result, outcome.spec),
            }
            for result in outcome.result.results
        ],
        "chosen": outcome.result.chosen,
        "chosen_reason": outcome.result.chosen_reason,
        "duplicates": _describe_duplicates(outcome),
        "patients": _describe_patients(outcome.leaks),
    }
    return format_json(document)


def _describe_result(result: ClusteringResult, classes: Sequence[str], unit: Unit) -> dict[str, object]:
    document: dict[str, object] = {
        "algorithm": result.algorithm,
        "k": result.requested_clusters,
        "clusters": result.clusters,
        "noise": result.noise,
    }
    for field, score in result.scores.items():
        name = SCORE_NAMES[field].short
        document |= {**describe_score(name, score), f"{name}_interval": _read_interval(score)}
    document["estimated"] = describe_estimates(result.scores)
    document["sampled"] = result.sampled_units
    document["contingency"] = describe_contingency(result.contingency, classes)
    if result.contingency is None:
        document["contingency_reason"] = "no image has a known class"
    document["associations"] = [
        _describe_association(association, unit) for association in result.associations
    ]
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
    document = {
        **describe_score("overall", stability.overall),
        "clusters": [read_score(score)[0] for score in stability.clusters],
        "resamples": stability.resamples,
        **({"sampled": stability.overall.sampled_units} if stability.overall.sampled_units else {}),
    }
    return {"stability": document}


def _describe_association(association: Association, unit: Unit) -> dict[str, object]:
    return {
        "name": association.name,
        "mutual_information": association.mutual_information,
        **describe_score("adjusted_mutual_information", association.adjusted_mutual_information),
        f"{unit}s": association.members,
    }


def _describe_duplicates(outcome: RunOutcome) -> dict[str, object]:
    duplicates = outcome.result.duplicates
    return {
        "threshold": duplicates.threshold,
        "total_pairs": duplicates.total_pairs,
        **_describe_search(duplicates.search),
        "pairs": [
            {
                "image": outcome.members[pair.first_member].name,
                "other_image": outcome.members[pair.second_member].name,
                "similarity": pair.similarity,
            }
            for pair in duplicates.pairs
        ],
    }


def _describe_search(search: DuplicateSearch | None) -> dict[str, object]:
    """Whether all pairs were compared, and else how many the search finds."""
    if search is None:
        return {"exact": True}
    return {
        "exact": False,
        **describe_score("recall", search.recall),
        "recall_interval": _read_interval(search.recall),
        "sampled_images": search.sampled_members,
        "sampled_pairs": search.sampled_pairs,
        "pairs_left_out": search.exceeded,
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


def _read_interval(score: Score) -> list[float] | None:
    if score.interval is None or not all(map(math.isfinite, (score.interval.low, score.interval.high))):
        return None
    return [score.interval.low, score.interval.high]
