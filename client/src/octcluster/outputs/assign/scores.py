"""scores.json of an assignment: how new images lie in the clusters of their classes."""

from collections.abc import Mapping
from dataclasses import dataclass

from octcluster.outputs.json_files import format_json
from octcluster.workflows.outcome import AssignOutcome


@dataclass(frozen=True)
class PlacementScores:
    """How new images lie in the clusters that stand for their classes.

    Attributes:
        accuracy: Share of the images with a class of the run that lie in the cluster that stands for it; None
            if that cannot be said.
        reason: Why not, for people.
        labelled: Number of those images.
        cluster_classes: The class that each cluster stands for, by the run's own images; None for none.
    """

    accuracy: float | None
    reason: str
    labelled: int
    cluster_classes: Mapping[int, str]


def judge_placements(outcome: AssignOutcome) -> PlacementScores:
    """Compares new images' clusters and labels, by what the run's own images said of the clusters."""
    contingency = outcome.clustering.contingency
    if contingency is None:
        return PlacementScores(None, "no image of the run had a known class", 0, {})
    if not outcome.run_classes:
        return PlacementScores(
            None, "the names of the run's classes are not known: give the run's folder", 0, {}
        )
    classes = {
        cluster: outcome.run_classes[index] for cluster, index in sorted(outcome.class_of_cluster.items())
    }
    known = {outcome.run_classes[index] for index in contingency.class_indices}
    pairs = [
        (image.label, cluster)
        for image, cluster in zip(outcome.members, outcome.placements.clusters, strict=True)
        if image.label in known
    ]
    if not pairs:
        return PlacementScores(None, "no image has a class that the run knew", 0, classes)
    right = sum(classes.get(cluster) == label for label, cluster in pairs)
    return PlacementScores(right / len(pairs), "", len(pairs), classes)


def format_placement_scores(outcome: AssignOutcome) -> bytes:
    """Formats strict JSON; an accuracy that cannot be said is null, with its reason beside it."""
    scores = judge_placements(outcome)
    clusters = outcome.placements.clusters
    labels = sorted({image.label for image in outcome.members if image.label is not None})
    columns = sorted(set(clusters))
    pairs = [(image.label, cluster) for image, cluster in zip(outcome.members, clusters, strict=True)]
    document = {
        "images": len(outcome.image_set.images),
        "failed": len(outcome.failures),
        "space": outcome.space.digest.hex(),
        "run_id": outcome.run_id,
        "result": outcome.run.chosen,
        "outliers": sum(outcome.placements.outliers),
        "fitted_agreement": outcome.placements.fitted_agreement,
        "accuracy": scores.accuracy,
        **({"accuracy_reason": scores.reason} if scores.accuracy is None else {}),
        "accuracy_images": scores.labelled,
        "cluster_classes": {str(cluster): name for cluster, name in scores.cluster_classes.items()},
        "contingency": {
            "classes": labels,
            "clusters": columns,
            "counts": [[pairs.count((label, cluster)) for cluster in columns] for label in labels],
        }
        if labels
        else None,
    }
    return format_json(document)
