"""run.json: what is needed to repeat a run, and what it cost."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from octcluster.images.eyes import count_eyes
from octcluster.outputs.json_files import format_json, format_time, round_seconds
from octcluster.outputs.wording.notes import record_notes
from octcluster.outputs.wording.pixels import count_faults, describe_framing
from octcluster.outputs.wording.stop_sign import find_stop_sign
from octcluster.workflows.outcome import RunOutcome


def format_run_record(
    outcome: RunOutcome, arguments: Mapping[str, object], started: datetime, model: bytes | None = None
) -> bytes:
    """Formats the record of a run as JSON; it stays on this machine, for the arguments may name patients.

    Args:
        outcome: What the run found.
        arguments: Arguments of the run, JSON values by name.
        started: When the run began, with a time zone.
        model: Content of ``model.npz``; None if there is none.

    Returns:
        The file's content.
    """
    space = outcome.space
    document = {
        "run_id": outcome.spec.run_id,
        "result_id": outcome.result_id,
        "started": format_time(started),
        "versions": dict(outcome.versions),
        "arguments": dict(arguments),
        "seed": outcome.spec.seed,
        "model": space.model,
        "weights_digest": space.weights_digest,
        "space": {**asdict(space), "digest": space.digest.hex()},
        "runtime": outcome.runtime,
        "blas_kernels": outcome.blas_kernels,
        "trace_id": outcome.trace_id,
        "recipe": {**asdict(outcome.recipe), "name": outcome.recipe.name or None},
        "preparation": asdict(outcome.spec.preparation),
        "algorithms": list(outcome.spec.algorithms),
        "min_clusters": outcome.spec.min_clusters,
        "max_clusters": outcome.spec.max_clusters,
        "stability_resamples": outcome.spec.stability_resamples,
        "umap": outcome.spec.umap,
        "umap_missing_reason": outcome.result.umap_missing_reason or None,
        "umap_sampled": outcome.result.umap_sampled_units,
        "unit": outcome.unit,
        "eyes": None if outcome.eyes is None else asdict(count_eyes(outcome.eyes.eyes)),
        "patient_whitening": asdict(whitening) if (whitening := outcome.result.patient_whitening) else None,
        "stop_sign": find_stop_sign(outcome) or None,
        "not_kept": outcome.not_kept or None,
        "model_sha256": None if model is None else sha256(model).hexdigest(),
        "model_missing_reason": outcome.result.fitted_missing_reason or None,
        "formats": dict(outcome.image_set.formats),
        "left_out": dict(outcome.image_set.left_out),
        "classes": outcome.image_set.classes,
        "label_source": outcome.image_set.label_source,
        "notes": record_notes(outcome.image_set, outcome.pixels),
        "counts": {
            "images": len(outcome.image_set.images),
            "members": len(outcome.members),
            "embedded": outcome.embedded,
            "cached": outcome.cached,
            "failed": len(outcome.failures),
            "ignored_files": outcome.image_set.ignored_files,
            "unlabelled": sum(image.label is None for image in outcome.image_set.images),
            "stray_label_rows": len(outcome.image_set.stray_rows),
        },
        "faults": count_faults(outcome.pixels),
        "framing": describe_framing(outcome.pixels),
        "seconds_by_stage": round_seconds(outcome.stage_seconds),
        "clusterer_seconds_by_stage": round_seconds(outcome.result.stage_seconds),
    }
    return format_json(document)


def read_start(folder: Path) -> datetime | None:
    """Reads when the run began whose outputs a folder holds.

    Args:
        folder: The folder of the outputs.

    Returns:
        The time, with its zone; None if there is no record of a run that can be read.
    """
    try:
        document = json.loads((folder / "run.json").read_bytes())
        return datetime.fromisoformat(document["started"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
