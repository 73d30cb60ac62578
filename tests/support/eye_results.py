"""Results of eyes, as the gateway makes them."""

from typing import Any

from octcluster_gateway.model import EyeResult


def make_result(**changes: Any) -> EyeResult:
    """The result of a right eye."""
    fields: dict[str, Any] = {
        "spool_id": 7,
        "patient": "0" * 32,
        "study": "2.25.2",
        "series": "2.25.3",
        "instance": "2.25.4",
        "eye": "OD",
        "scans": 3,
        "failed_scans": 1,
        "cluster": 2,
        "margin": 0.123456789,
        "outlier_share": 1 / 3,
        "class_name": "DRUSEN",
        "run_id": "run-1",
        "model_sha256": "ab" * 32,
        "versions": {"octcluster": "0.1.0", "model": "efficientnet-lite0"},
    }
    return EyeResult(**(fields | changes))
