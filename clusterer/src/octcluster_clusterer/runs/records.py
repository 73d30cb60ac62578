"""Where a run stands, who its members are, and what is kept of it once it has ended."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.assignment.assign import FittedRun
from octcluster_clusterer.model import ClusteringResult, RunSpec, Stage
from octcluster_clusterer.preparation.whitening_decision import WhiteningDecision
from octcluster_clusterer.trust.duplicates import Duplicates

OWNER_DIGITS = 16
"""Hexadecimal digits that stand for the owner of a run before its id, with a colon; none for nobody's."""


def is_run_id(text: str) -> bool:
    """Whether a text can be the id of a run: 32 lower-case hexadecimal digits."""
    return re.fullmatch("[0-9a-f]{32}", text) is not None


def is_kept_id(text: str) -> bool:
    """Whether a run can be kept under a text: its owner, if it has one, and its id."""
    return re.fullmatch(f"([0-9a-f]{{{OWNER_DIGITS}}}:)?[0-9a-f]{{32}}", text) is not None


class RunState(StrEnum):
    """Where a run stands as a whole."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether the run will not change any more."""
        return self in (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)


class RunErrorCode(StrEnum):
    """Why a run failed."""

    VECTORS_MISSING = "vectors_missing"
    INVALID = "invalid"
    STORE_UNAVAILABLE = "store_unavailable"
    INTERNAL = "internal"
    INTERRUPTED = "interrupted"
    ENGINE_UNAVAILABLE = "engine_unavailable"


@dataclass(frozen=True)
class RunError:
    """Why a run failed, for programs and for people."""

    code: RunErrorCode
    message: str


@dataclass(frozen=True)
class RunStatus:
    """Where a run stands.

    Attributes:
        run_id: Id of the run.
        state: Where it stands as a whole.
        n_members: Number of members.
        created: When it was queued, UTC.
        started: When it began; None while queued.
        finished: When it ended; None before.
        stage: What it does just now; None unless running.
        stage_done: Units of the stage that are done.
        stage_total: Units of the stage in all; 0 if unknown.
        queue_position: Number of runs before it, while queued.
        error: Why it failed; None unless it did.
        not_kept_reason: Why it may be lost before its time, if it has succeeded; else, or if not, empty.
    """

    run_id: str
    state: RunState
    n_members: int
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    stage: Stage | None = None
    stage_done: int = 0
    stage_total: int = 0
    queue_position: int = 0
    error: RunError | None = None
    not_kept_reason: str = ""


def end_status(status: RunStatus, state: RunState, error: RunError | None = None) -> RunStatus:
    """The status of a run that ends now in this state, for this reason if it failed."""
    return RunStatus(
        status.run_id,
        state,
        status.n_members,
        created=status.created,
        started=status.started,
        finished=datetime.now(UTC),
        error=error,
    )


INTERRUPTED = RunError(
    RunErrorCode.INTERRUPTED,
    "the run was started, and its end is not known: the server that had it was ended first, or Redis could "
    "not keep the result. Start a new run",
)


def end_interrupted(status: RunStatus) -> RunStatus:
    """The status of a run that is in Redis and in no queue: it ended there, or with its server."""
    return status if status.state.ended else replace(status, state=RunState.FAILED, error=INTERRUPTED)


@dataclass(frozen=True)
class RunResult:
    """What a run found.

    Attributes:
        results: One for each algorithm and number of clusters, in the order of the spec.
        chosen: Index of the result that the run chose.
        chosen_reason: Why, for people.
        coordinates: float32, shape (n_units, 2): first two principal coordinates of the prepared vectors.
        input_dimension: Dimension of the vectors before preparation.
        prepared_dimension: Dimension of the vectors after preparation.
        explained_variance_ratios: float64, shape (n_components,): share of the variance of each principal
            component of the normalized vectors, largest first, as far as computed.
        duplicates: Pairs of different images that are nearly the same.
        stage_seconds: Time by stage.
        stage_peak_bytes: Highest resident memory of the process by stage; empty where it is not known.
        fitted: Puts other vectors into the clusters; None if it would be too large to keep.
        umap_coordinates: float32, shape (n_units, 2); None if not asked for, or for umap_missing_reason.
        umap_missing_reason: Why there are none though asked for; else empty.
        umap_sampled_units: Size of the random sample that was laid out, where others were placed by their
            neighbours; None: all were.
        patient_whitening: Whether members were whitened within patients; None if that was not asked for.
    """

    results: Sequence[ClusteringResult]
    chosen: int
    chosen_reason: str
    coordinates: NDArray[np.float32]
    input_dimension: int
    prepared_dimension: int
    explained_variance_ratios: NDArray[np.float64]
    duplicates: Duplicates
    stage_seconds: dict[Stage, float] = field(default_factory=dict)
    stage_peak_bytes: dict[Stage, int] = field(default_factory=dict)
    fitted: FittedRun | None = None
    umap_coordinates: NDArray[np.float32] | None = None
    umap_missing_reason: str = ""
    umap_sampled_units: int | None = None
    patient_whitening: WhiteningDecision | None = None


@dataclass(frozen=True)
class RunRecord:
    """All that is known of a run.

    Attributes:
        status: Where it stands.
        spec: What it was asked to do.
        fingerprint: Digest of spec and members: tells a repeated start from another run under the same id.
        image_keys: uint8, shape (n_units, 32): key of each unit's first member; empty if it found nothing.
        result: What it found; None unless it succeeded.
    """

    status: RunStatus
    spec: RunSpec
    fingerprint: str
    image_keys: NDArray[np.uint8]
    result: RunResult | None
