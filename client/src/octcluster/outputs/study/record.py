"""study.json: a study's table, with tables of classes and clusters, variance held, costs and versions."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from octcluster.outputs.json_files import (
    describe_contingency,
    describe_estimates,
    describe_score,
    format_json,
    format_time,
    round_seconds,
)
from octcluster.outputs.study.cells import StudyCell, list_cells
from octcluster.outputs.variance import count_components
from octcluster.outputs.wording.notes import record_notes
from octcluster.outputs.wording.pixels import count_faults, describe_framing
from octcluster.outputs.wording.score_names import SCORE_NAMES
from octcluster.workflows.study import PartOutcome, PartState, StudyOutcome


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
        "started": format_time(started),
        "complete": outcome.complete,
        "arguments": dict(arguments),
        "seed": outcome.seed,
        "images": len(outcome.image_set.images),
        "formats": dict(outcome.image_set.formats),
        "left_out": dict(outcome.image_set.left_out),
        "notes": record_notes(outcome.image_set, outcome.pixels),
        "faults": count_faults(outcome.pixels),
        "framing": describe_framing(outcome.pixels),
        "classes": classes,
        "seconds_by_stage": round_seconds(outcome.stage_seconds),
        "parts": [_describe_part(part) for part in outcome.parts],
        "cells": [_describe_cell(cell, classes) for cell in list_cells(outcome)],
    }
    return format_json(document)


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
        "seconds_by_stage": round_seconds(run.stage_seconds),
        "clusterer_seconds_by_stage": round_seconds(run.result.stage_seconds),
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
        for name, score in result.scores.items():
            document |= describe_score(SCORE_NAMES[name].short, score)
        document["estimated"] = describe_estimates(result.scores)
        document["contingency"] = describe_contingency(result.contingency, classes)
        document["seconds"] = round(result.seconds, 3)
    if cell.published is not None:
        scores = {SCORE_NAMES[name].short: value for name, value in cell.published_scores().items()}
        counts = cell.published.counts if cell.published.k == cell.k else ()
        document["published"] = {
            "source": cell.published.source,
            **scores,
            "contingency": {"classes": list(cell.published.classes), "counts": [list(row) for row in counts]}
            if counts
            else None,
        }
    return document
