"""One run from its members' vectors to its result, and what is told when that fails."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from hashlib import blake2b

from octcluster_serving.logs import describe_fault

from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.engine.engine import Engine
from octcluster_clusterer.errors import (
    EngineUnavailable,
    InvalidRequest,
    RunCancelled,
    StoreUnavailable,
    VectorsMissing,
)
from octcluster_clusterer.model import Members, Report, RunSpec, Stage
from octcluster_clusterer.runs.live_run import LiveRun
from octcluster_clusterer.runs.records import (
    RunError,
    RunErrorCode,
    RunResult,
    RunState,
    RunStatus,
    end_status,
)
from octcluster_clusterer.runs.stage_costs import StageCosts

logger = logging.getLogger(__name__)

Pipeline = Callable[[Blocks, Members, RunSpec, Report], RunResult]
"""What a run does with its vectors: ``pipeline.run_pipeline``."""

STOPPED = RunError(
    RunErrorCode.INTERRUPTED, "the server was stopped before the run was done: start a new run"
)


def execute(run: LiveRun, engine: Engine, pipeline: Pipeline) -> RunStatus:
    """Does a run's work; its result, if it has one, is then the run's.

    Args:
        run: The run, at work.
        engine: Opens its members' vectors.
        pipeline: What is done with them.

    Returns:
        The status that the run ends with; one that was asked to stop is cancelled.
    """
    try:
        run.result = _compute_result(run, engine, pipeline)
    except RunCancelled:
        return end_status(run.status, RunState.CANCELLED)
    except Exception as error:
        failure = _explain_failure(error)
        if failure.code is RunErrorCode.INTERNAL:
            logger.error("run %s: internal error: %s", run.spec.run_id, describe_fault(error))
        return end_status(run.status, RunState.FAILED, failure)
    return end_status(run.status, RunState.SUCCEEDED)


def _compute_result(run: LiveRun, engine: Engine, pipeline: Pipeline) -> RunResult:
    """Opens the members' vectors and hands them to the pipeline; adds the costs of loading to its result."""
    costs = StageCosts()
    with costs.measured(Stage.LOADING):
        blocks = engine.open(
            run.spec.space,
            run.members.image_keys,
            lambda done, total: run.report(Stage.LOADING, done, total),
        )
    try:
        result = pipeline(blocks, run.members, run.spec, run.report)
    finally:
        blocks.close()
    run.report(Stage.SAVING, 0, len(result.results))
    return replace(
        result,
        stage_seconds=costs.seconds | result.stage_seconds,
        stage_peak_bytes=costs.peak_bytes | result.stage_peak_bytes,
    )


def _explain_failure(error: Exception) -> RunError:
    """Tells programs and people why a run failed; a fault of the server stays in its log."""
    if isinstance(error, VectorsMissing):
        return RunError(RunErrorCode.VECTORS_MISSING, str(error))
    if isinstance(error, InvalidRequest):
        return RunError(RunErrorCode.INVALID, str(error))
    if isinstance(error, StoreUnavailable):
        return RunError(RunErrorCode.STORE_UNAVAILABLE, str(error))
    if isinstance(error, EngineUnavailable):
        return RunError(RunErrorCode.ENGINE_UNAVAILABLE, str(error))
    if isinstance(error, MemoryError):
        message = "the run does not fit into the server's memory: use fewer members or smaller vectors"
        return RunError(RunErrorCode.INVALID, message)
    return RunError(RunErrorCode.INTERNAL, "the server failed: look for the run in the log of the clusterer")


def find_fingerprint(spec: RunSpec, members: Members) -> str:
    """Digest of all that the result depends on, 32 hexadecimal digits."""
    canonical = json.dumps(asdict(spec), sort_keys=True, default=bytes.hex)
    fingerprint = blake2b(canonical.encode(), digest_size=16)
    fingerprint.update(members.image_keys.tobytes())
    columns = {
        "classes": members.class_indices,
        "patients": members.patient_indices,
        "units": members.unit_indices,
        **members.number_columns,
    }
    for name, values in columns.items():
        if values is not None:
            fingerprint.update(f"{name}:".encode() + values.tobytes())
    return fingerprint.hexdigest()
