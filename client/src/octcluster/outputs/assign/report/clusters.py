"""The clusters of an assignment's report: what they stand for, and the new images in them."""

from collections.abc import Sequence

from octcluster.outputs.assign.eyes import DOUBTFUL_MARGIN
from octcluster.outputs.pages import Gallery, Picture, cluster_colour
from octcluster.outputs.pages.cluster_cards import EXAMPLES, Card, share_classes, summarize_classes
from octcluster.outputs.pages.image_names import ImageNames
from octcluster.outputs.wording.words import count, show_text
from octcluster.workflows.outcome import AssignOutcome


def build_cards(outcome: AssignOutcome, names: ImageNames) -> list[Card]:
    """Builds the card of each cluster of the run, also of those that no new image lies in."""
    rows: dict[int, list[int]] = {cluster: [] for cluster in range(len(outcome.model.cluster_sizes))}
    for row, cluster in enumerate(outcome.placements.clusters):
        rows[cluster].append(row)
    return [_build_card(outcome, cluster, own, names) for cluster, own in rows.items()]


def _build_card(outcome: AssignOutcome, cluster: int, rows: Sequence[int], names: ImageNames) -> Card:
    classes = share_classes([outcome.members[row].label for row in rows], outcome.image_set.classes)
    summary = summarize_classes(len(rows) / len(outcome.members), classes) if rows else "None of the images."
    return Card(
        cluster=cluster,
        name=names.show_cluster(cluster),
        colour=cluster_colour(cluster).removeprefix("@"),
        summary=f"{_describe_class(outcome, cluster)} {summary}",
        notes=_list_notes(outcome, cluster, rows),
        size=count(len(rows), "image"),
        classes=classes if rows else [],
        histogram=[],
        limit=1.0,
        median=None,
        galleries=_choose_examples(outcome, rows, names),
    )


def _describe_class(outcome: AssignOutcome, cluster: int) -> str:
    name = outcome.model.class_of_cluster.get(cluster)
    if name is None:
        return "It stands for no known class."
    return f"It stands for {show_text(name)}, by the run's own images."


def _list_notes(outcome: AssignOutcome, cluster: int, rows: Sequence[int]) -> list[str]:
    found = outcome.placements
    notes = [f"{count(outcome.model.cluster_sizes[cluster], outcome.model.unit)} of the run made it."]
    if rows:
        doubtful = sum(found.margins[row] < DOUBTFUL_MARGIN for row in rows)
        outliers = sum(bool(outcome.outliers[row]) for row in rows)
        if outcome.percentiles[rows[0]] is None:
            notes.append(f"Of the new ones, {doubtful:,} doubtful; outliers cannot be told.")
        else:
            notes.append(f"Of the new ones, {doubtful:,} doubtful and {count(outliers, 'outlier')}.")
    return notes


def _choose_examples(outcome: AssignOutcome, rows: Sequence[int], names: ImageNames) -> list[Gallery]:
    found = outcome.placements
    by_margin = sorted(rows, key=lambda row: (-found.margins[row], found.percentiles[row], row))
    clearest = [row for row in by_margin if found.margins[row] >= DOUBTFUL_MARGIN]
    doubtful = [row for row in reversed(by_margin) if found.margins[row] < DOUBTFUL_MARGIN]
    outlying = sorted(
        (row for row in rows if outcome.outliers[row]), key=lambda row: (-found.distances[row], row)
    )
    chosen = {"Clearest": clearest, "Most doubtful": doubtful, "Most outlying": outlying}
    return [
        Gallery(title, [_show(outcome, row, names) for row in own[:EXAMPLES]])
        for title, own in chosen.items()
        if own
    ]


def _show(outcome: AssignOutcome, row: int, names: ImageNames) -> Picture:
    found, picture = outcome.placements, names.picture(row)
    label = f"{picture.note}, " if picture.note else ""
    percentile = outcome.percentiles[row]
    told = "" if percentile is None else f", percentile {percentile}"
    note = f"{label}margin {found.margins[row]:.2f}{told}"
    return Picture(picture.caption, note, picture.source)
