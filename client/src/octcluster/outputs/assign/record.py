"""assign.json: what was assigned to what, and what it cost."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from octcluster.outputs.json_files import format_json, format_time, round_seconds
from octcluster.outputs.wording.notes import record_notes
from octcluster.outputs.wording.pixels import count_faults, describe_framing
from octcluster.workflows.outcome import AssignOutcome


def format_assign_record(outcome: AssignOutcome, arguments: Mapping[str, object], started: datetime) -> bytes:
    """Formats the record of an assignment as JSON; it stays on this machine."""
    document = {
        "run_id": outcome.model.run_id,
        "model_sha256": outcome.model.digest or None,
        "run_versions": dict(outcome.model.versions),
        "started": format_time(started),
        "versions": dict(outcome.versions),
        "arguments": dict(arguments),
        "space": {**asdict(outcome.space), "digest": outcome.space.digest.hex()},
        "formats": dict(outcome.image_set.formats),
        "left_out": dict(outcome.image_set.left_out),
        "label_source": outcome.image_set.label_source,
        "notes": record_notes(outcome.image_set, outcome.pixels),
        "counts": {
            "images": len(outcome.image_set.images),
            "members": len(outcome.members),
            "embedded": outcome.embedded,
            "cached": outcome.cached,
            "failed": len(outcome.failures),
            "ignored_files": outcome.image_set.ignored_files,
        },
        "faults": count_faults(outcome.pixels),
        "framing": describe_framing(outcome.pixels),
        "seconds_by_stage": round_seconds(outcome.stage_seconds),
    }
    return format_json(document)
