"""What the JSON files share: their format, times, scores and tables of classes and clusters."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from octcluster.model.results import Contingency, Score, Scores
from octcluster.outputs.wording.score_names import SCORE_NAMES


def format_json(document: Mapping[str, object]) -> bytes:
    """Formats strict JSON: a number that is not finite is an error of the caller.

    Args:
        document: JSON values by name.

    Returns:
        The file's content.

    Raises:
        ValueError: A number is not finite.
    """
    return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()


def format_time(moment: datetime) -> str:
    """A moment with its time zone, as ``2026-05-04T03:02:01Z``."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def round_seconds(seconds: Mapping[str, float]) -> dict[str, float]:
    """Times by name, to the millisecond."""
    return {name: round(value, 3) for name, value in seconds.items()}


def read_score(score: Score) -> tuple[float | None, str | None]:
    """The value of a score, or why there is none."""
    if score.value is None:
        return None, score.undefined_reason
    if not math.isfinite(score.value):
        return None, "the clusterer gave no finite number"
    return score.value, None


def describe_score(name: str, score: Score) -> dict[str, object]:
    """A score under its name; one that is undefined is None, with its reason as ``<name>_reason``."""
    value, reason = read_score(score)
    return {name: value} if value is not None else {name: None, f"{name}_reason": reason}


def describe_estimates(scores: Scores) -> dict[str, int]:
    """The scores that are estimates: the size of each one's random sample, by its short name."""
    return {
        SCORE_NAMES[name].short: score.sampled_units for name, score in scores.items() if score.sampled_units
    }


def describe_contingency(contingency: Contingency | None, classes: Sequence[str]) -> dict[str, object] | None:
    """The table of classes and clusters; None if no class is known.

    Args:
        contingency: The table.
        classes: Names of the classes, by index.
    """
    if contingency is None:
        return None
    return {
        "classes": [classes[index] for index in contingency.class_indices],
        "clusters": list(contingency.clusters),
        "counts": [list(row) for row in contingency.counts],
    }
