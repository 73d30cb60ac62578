"""study.csv and study.json: every cell of a study with all its scores, beside what others published."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import accumulate

from octcluster.model.results import ClusteringResult, Scores
from octcluster.outputs.csv_tables import format_table
from octcluster.outputs.run.scores import describe_contingency, read_score, short_name
from octcluster.workflows.study import PartOutcome, PartState, StudyOutcome
from octcluster.workflows.study_matrix import Published

VARIANCE_SHARES = (0.90, 0.95, 0.99)
SCORES = tuple(Scores.__dataclass_fields__)
_PUBLISHED = ("silhouette", "accuracy", "adjusted_rand_index")


@dataclass(frozen=True)
class StudyCell:
    """One cell of a study.

    Attributes:
        part: What became of the part that it belongs to.
        algorithm: Name out of ALGORITHMS.
        k: Number of clusters asked for; None: the algorithm finds it itself.
        result: What was found; None if the part was not done.
        published: What others published for it.
    """

    part: PartOutcome
    algorithm: str
    k: int | None
    result: ClusteringResult | None
    published: Published | None

    def published_scores(self) -> dict[str, float | None]:
        """The published figures that there are for the cell's scores, by name."""
        found = self.published
        if found is None:
            return dict.fromkeys(_PUBLISHED)
        own = found.k == self.k
        return {
            "silhouette": None if self.k is None else found.silhouettes.get(self.k),
            "accuracy": found.accuracy if own else None,
            "adjusted_rand_index": found.adjusted_rand_index if own else None,
        }


def list_cells(outcome: StudyOutcome) -> list[StudyCell]:
    """The cells of all settled parts, in the order of the matrix."""
    return [cell for part in outcome.parts for cell in _list_cells(part, outcome)]


def _list_cells(settled: PartOutcome, outcome: StudyOutcome) -> Iterator[StudyCell]:
    results = {}
    if settled.outcome is not None:
        results = {(one.algorithm, one.requested_clusters): one for one in settled.outcome.result.results}
    for algorithm, k in settled.part.cells():
        beside = (one for one in outcome.matrix.published if one.stands_beside(settled.part, algorithm, k))
        yield StudyCell(settled, algorithm, k, results.get((algorithm, k)), next(beside, None))


def format_study_table(outcome: StudyOutcome) -> bytes:
    """Formats study.csv, one row a cell; an undefined score is empty, and so is all that was not done."""
    header = ["features", "preparation", "algorithm", "k", "state", "clusters", "noise", "dimension"]
    header += [short_name(name) for name in SCORES]
    header += ["seconds", *(f"published_{short_name(name)}" for name in _PUBLISHED), "reason"]
    return format_table(header, map(_row, list_cells(outcome)))


def _row(cell: StudyCell) -> list[object]:
    part, result, run = cell.part.part, cell.result, cell.part.outcome
    found: list[object] = [None] * (3 + len(SCORES) + 1)
    if result is not None and run is not None:
        scores = [read_score(getattr(result.scores, name))[0] for name in SCORES]
        found = [
            result.clusters,
            result.noise,
            run.result.prepared_dimension,
            *scores,
            round(result.seconds, 3),
        ]
    row = [part.feature_set.name, part.preparation_name, cell.algorithm, cell.k, cell.part.state, *found]
    return [*row, *cell.published_scores().values(), cell.part.reason]


def format_study_record(outcome: StudyOutcome, arguments: Mapping[str, object], started: datetime) -> bytes:
    """Formats study.json: all of the table, contingency tables, variance held, time by stage, versions.

    Args:
        outcome: What the study found, as far as it is.
        arguments: Arguments of the study, JSON values by name.
        started: When it began, with a time zone.
    """
    classes = outcome.image_set.classes
    document = {
        "title": outcome.matrix.title,
        "started": started.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "complete": outcome.complete,
        "arguments": dict(arguments),
        "seed": outcome.seed,
        "images": len(outcome.image_set.images),
        "classes": classes,
        "seconds_by_stage": {name: round(value, 3) for name, value in outcome.stage_seconds.items()},
        "parts": [_describe_part(part) for part in outcome.parts],
        "cells": [_describe_cell(cell, classes) for cell in list_cells(outcome)],
    }
    return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()


def count_components(ratios: list[float]) -> dict[float, int | None]:
    """How many components hold each of VARIANCE_SHARES; None where more are needed than are known."""
    held = list(accumulate(ratios))
    return {
        share: next((count for count, value in enumerate(held, start=1) if value >= share - 1e-9), None)
        for share in VARIANCE_SHARES
    }


def _describe_part(settled: PartOutcome) -> dict[str, object]:
    part = settled.part
    document: dict[str, object] = {
        "features": asdict(part.feature_set),
        "preparation": {"name": part.preparation_name, **asdict(part.preparation)},
        "algorithms": list(part.algorithms),
        "min_clusters": part.min_clusters,
        "max_clusters": part.max_clusters,
        "state": settled.state,
        "reason": settled.reason or None,
    }
    run = settled.outcome
    if run is None:
        return document
    ratios = list(run.result.explained_variance_ratios)
    return document | {
        "run_id": run.spec.run_id,
        "kept": settled.kept,
        "space": run.space.digest.hex(),
        "weights_digest": run.space.weights_digest,
        "versions": dict(run.versions),
        "runtime": run.runtime,
        "images": {
            "members": len(run.members),
            "embedded": run.embedded,
            "cached": run.cached,
            "failed": len(run.failures),
        },
        "input_dimension": run.result.input_dimension,
        "prepared_dimension": run.result.prepared_dimension,
        "components_needed": {f"{share:.2f}": count for share, count in count_components(ratios).items()},
        "explained_variance_ratios": ratios,
        "seconds_by_stage": {name: round(value, 3) for name, value in run.stage_seconds.items()},
        "clusterer_seconds_by_stage": {
            name: round(value, 3) for name, value in run.result.stage_seconds.items()
        },
        "clusterer_peak_bytes_by_stage": dict(run.result.stage_peak_bytes),
    }


def _describe_cell(cell: StudyCell, classes: list[str]) -> dict[str, object]:
    part, result = cell.part.part, cell.result
    document: dict[str, object] = {
        "features": part.feature_set.name,
        "preparation": part.preparation_name,
        "algorithm": cell.algorithm,
        "k": cell.k,
        "state": cell.part.state,
    }
    if cell.part.state is not PartState.DONE:
        document["reason"] = cell.part.reason
    if result is not None:
        document |= {"clusters": result.clusters, "noise": result.noise}
        for name in SCORES:
            value, reason = read_score(getattr(result.scores, name))
            document[short_name(name)] = value
            if value is None:
                document[f"{short_name(name)}_reason"] = reason
        document["contingency"] = describe_contingency(result.contingency, classes)
        document["seconds"] = round(result.seconds, 3)
    if cell.published is not None:
        scores = {short_name(name): value for name, value in cell.published_scores().items()}
        counts = cell.published.counts if cell.published.k == cell.k else ()
        document["published"] = {
            "source": cell.published.source,
            **scores,
            "contingency": {"classes": list(cell.published.classes), "counts": [list(row) for row in counts]}
            if counts
            else None,
        }
    return document
