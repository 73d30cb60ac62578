"""scores.json of an assignment: how new images lie in the clusters of their classes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from octcluster.outputs.assign.eyes import describe_rows
from octcluster.outputs.json_files import format_json
from octcluster.workflows.outcome import AssignOutcome
from octcluster.workflows.run_members import Seen

_OF_THE_RUN = (Seen.IMAGE, Seen.PATIENT)


@dataclass(frozen=True)
class PlacementScores:
    """How new images lie in the clusters that stand for their classes.

    Images of the run itself and of its patients are left out: they would flatter it.

    Attributes:
        accuracy: Share of the new images with a class of the run that lie in the cluster that stands for it;
            None if that cannot be said.
        reason: Why not, for people.
        labelled: Number of those images.
        eye_accuracy: The same of eyes, by the cluster of each eye; None if it cannot be said.
        labelled_eyes: Number of those eyes.
    """

    accuracy: float | None
    reason: str
    labelled: int
    eye_accuracy: float | None = None
    labelled_eyes: int = 0


def judge_placements(outcome: AssignOutcome) -> PlacementScores:
    """Compares new images' clusters and labels, by what the run's own images said of the clusters."""
    sizes, classes = outcome.model.class_sizes, outcome.model.class_of_cluster
    if sizes is None:
        return PlacementScores(None, "the names of the run's classes are not known: give the run's folder", 0)
    if not sizes:
        return PlacementScores(None, "no image of the run had a known class", 0)
    labelled = [row for row, image in enumerate(outcome.members) if image.label in sizes]
    if not labelled:
        return PlacementScores(None, "no image has a class that the run knew", 0)
    new = [row for row in labelled if outcome.seen[row] not in _OF_THE_RUN]
    if not new:
        reason = "all images with a known class are of the run itself or of its patients"
        return PlacementScores(None, reason, 0)
    clusters = outcome.placements.clusters
    right = sum(classes.get(clusters[row]) == outcome.members[row].label for row in new)
    eyes = _list_labelled_eyes(outcome, new)
    right_eyes = sum(classes.get(cluster) == label for cluster, label in eyes)
    return PlacementScores(
        right / len(new), "", len(new), right_eyes / len(eyes) if eyes else None, len(eyes)
    )


def _list_labelled_eyes(outcome: AssignOutcome, new: Sequence[int]) -> list[tuple[int, str]]:
    """Cluster and class of each new eye whose scans all have one class."""
    allowed = set(new)
    return [
        (placed.cluster, placed.eye.label)
        for placed in outcome.eyes
        if placed.cluster is not None
        and placed.eye.label is not None
        and not placed.eye.disagrees
        and allowed.issuperset(placed.eye.rows)
    ]


def count_seen(outcome: AssignOutcome) -> Mapping[str, int]:
    """Number of images by what the run has to do with them: ``image``, ``patient``, ``unknown``."""
    numbers = Counter(outcome.seen)
    return {seen.value: numbers[seen] for seen in Seen if seen is not Seen.NO}


def format_placement_scores(outcome: AssignOutcome) -> bytes:
    """Formats strict JSON; an accuracy that cannot be said is null, with its reason beside it."""
    scores = judge_placements(outcome)
    clusters = outcome.placements.clusters
    labels = sorted({image.label for image in outcome.members if image.label is not None})
    columns = sorted(set(clusters))
    pairs = Counter(zip((image.label for image in outcome.members), clusters, strict=True))
    document = {
        "images": len(outcome.image_set.images),
        "failed": len(outcome.failures),
        "space": outcome.space.digest.hex(),
        "run_id": outcome.model.run_id,
        "outliers": sum(map(bool, outcome.outliers)),
        "fitted_agreement": outcome.placements.fitted_agreement,
        "seen": count_seen(outcome),
        "seen_patients_known": outcome.patients_known,
        "accuracy": scores.accuracy,
        **({"accuracy_reason": scores.reason} if scores.accuracy is None else {}),
        "accuracy_images": scores.labelled,
        "eyes": len(outcome.eyes),
        "doubtful_eyes": sum(row.doubtful for row in describe_rows(outcome)),
        "eye_accuracy": scores.eye_accuracy,
        "eye_accuracy_eyes": scores.labelled_eyes,
        "cluster_classes": {str(cluster): name for cluster, name in outcome.model.class_of_cluster.items()},
        "contingency": {
            "classes": labels,
            "clusters": columns,
            "counts": [[pairs[label, cluster] for cluster in columns] for label in labels],
        }
        if labels
        else None,
    }
    return format_json(document)
