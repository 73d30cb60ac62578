"""The files of an assignment: assignments.csv, scores.json and assign.json."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from octcluster.model.class_matching import match_clusters
from octcluster.outputs.csv_tables import format_table
from octcluster.workflows.outcome import AssignOutcome

HEADER = ("image", "cluster", "label", "patient", "distance", "margin", "outlier")


@dataclass(frozen=True)
class NewScores:
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


def judge_new_images(outcome: AssignOutcome) -> NewScores:
    """Compares new images' clusters and labels, by what the run's own images said of the clusters."""
    contingency = outcome.clustering.contingency
    if contingency is None:
        return NewScores(None, "no image of the run had a known class", 0, {})
    if not outcome.run_classes:
        return NewScores(None, "the names of the run's classes are not known: give the run's folder", 0, {})
    columns = [column for column, cluster in enumerate(contingency.clusters) if cluster >= 0]
    counts = [[row[column] for column in columns] for row in contingency.counts]
    classes = {
        contingency.clusters[columns[column]]: outcome.run_classes[contingency.class_indices[row]]
        for column, row in sorted(match_clusters(counts).items())
    }
    known = {outcome.run_classes[index] for index in contingency.class_indices}
    pairs = [
        (image.label, cluster)
        for image, cluster in zip(outcome.members, outcome.placements.clusters, strict=True)
        if image.label in known
    ]
    if not pairs:
        return NewScores(None, "no image has a class that the run knew", 0, classes)
    right = sum(classes.get(cluster) == label for label, cluster in pairs)
    return NewScores(right / len(pairs), "", len(pairs), classes)


def format_placements(outcome: AssignOutcome) -> bytes:
    """Formats one row an image that was assigned, sorted by path; outlier is 1 or 0."""
    found = outcome.placements
    columns = zip(
        outcome.members, found.clusters, found.distances, found.margins, found.outliers, strict=True
    )
    rows = (
        (image.name, cluster, image.label, image.patient, f"{distance:.6f}", f"{margin:.6f}", int(outlier))
        for image, cluster, distance, margin, outlier in columns
    )
    return format_table(HEADER, rows)


def format_placement_scores(outcome: AssignOutcome) -> bytes:
    """Formats strict JSON; an accuracy that cannot be said is null, with its reason beside it."""
    scores = judge_new_images(outcome)
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
    return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()


def format_assign_record(outcome: AssignOutcome, arguments: Mapping[str, object], started: datetime) -> bytes:
    """Formats the record of an assignment as JSON; it stays on this machine."""
    document = {
        "run_id": outcome.run_id,
        "started": started.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "versions": dict(outcome.versions),
        "arguments": dict(arguments),
        "space": {**asdict(outcome.space), "digest": outcome.space.digest.hex()},
        "label_source": outcome.image_set.label_source,
        "counts": {
            "images": len(outcome.image_set.images),
            "members": len(outcome.members),
            "embedded": outcome.embedded,
            "cached": outcome.cached,
            "failed": len(outcome.failures),
            "ignored_files": outcome.image_set.ignored_files,
        },
        "seconds_by_stage": {name: round(seconds, 3) for name, seconds in outcome.stage_seconds.items()},
    }
    return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()
