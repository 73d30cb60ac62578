"""What stands out in a run, in sentences: what a reader of the report should not miss."""

from octcluster.outputs.wording.eyes import describe_whitening
from octcluster.outputs.wording.leaks import LISTED_IN_SCORES, describe_leaks
from octcluster.outputs.wording.notes import tell_faults
from octcluster.outputs.wording.pixels import describe_pixels
from octcluster.outputs.wording.stop_sign import describe_few_eyes
from octcluster.outputs.wording.trust import (
    describe_missing_model,
    describe_unused_patients,
    find_warnings,
    tabulate_stability,
)
from octcluster.outputs.wording.words import are, count, describe_missing_labels, name_cluster, show_text
from octcluster.workflows.outcome import RunOutcome


def list_standouts(outcome: RunOutcome) -> list[str]:
    """Lists nuisances that the clusters follow, clusters that may be chance, noise, mix-ups and leaks."""
    chosen = outcome.chosen
    found = find_warnings(chosen)
    doubtful = [name for name, _, judgement in tabulate_stability(chosen) if judgement.startswith("unstable")]
    if doubtful:
        found.append(f"Unstable, and maybe chance: {', '.join(doubtful)}.")
    if chosen.noise:
        found.append(
            f"{count(chosen.noise, outcome.unit)} {are(chosen.noise)} noise: too unlike all others to belong "
            "to a cluster. That says nothing about health."
        )
    leaks, duplicates = outcome.leaks, outcome.result.duplicates
    if leaks.patients_in_classes or leaks.patients_in_splits or duplicates.total_pairs:
        found += describe_leaks(leaks, duplicates, listing=LISTED_IN_SCORES)
    found += describe_unused_patients(outcome.spec.preparation, outcome.members)
    decision = outcome.result.patient_whitening
    if decision is not None and decision.like_volumes:
        found += describe_whitening(outcome)
    found += describe_few_eyes(outcome)
    found += describe_missing_model(outcome.result)
    missing = describe_missing_labels(outcome.image_set)
    missing += tell_faults(outcome.image_set)
    return [*missing, *describe_pixels(outcome.pixels), *_describe_mix_up(outcome), *found]


def _describe_mix_up(outcome: RunOutcome) -> list[str]:
    """The most images of one class in a cluster that matches another class."""
    table, classes, matched = outcome.chosen.contingency, outcome.image_set.classes, outcome.class_of_cluster
    if table is None:
        return []
    cells = [
        (images, sum(row), index, cluster)
        for index, row in zip(table.class_indices, table.counts, strict=True)
        for cluster, images in zip(table.clusters, row, strict=True)
        if cluster in matched and matched[cluster] != index and images
    ]
    if not cells:
        return []
    images, total, index, cluster = max(cells, key=lambda cell: cell[0])
    return [
        f"The most frequent mix-up: {images:,} of {count(total, outcome.unit)} of "
        f"{show_text(classes[index])} {'lies' if images == 1 else 'lie'} in {name_cluster(cluster)}, which "
        f"matches {show_text(classes[matched[cluster]])}."
    ]
