"""Where a run stands, who its members are, and what is kept of it once it has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.runs import RunResult, RunSpec, Stage


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


@dataclass(frozen=True)
class Members:
    """The members of a run, as columns.

    Attributes:
        image_keys: uint8, shape (n_members, 32). A key may occur more than once.
        class_indices: int32, shape (n_members,), -1 unknown; None if no class is known.
        group_indices: int32, shape (n_members,), the group (patient) of each member, -1 unknown: a group of
            its own; None if no group is known.
        number_columns: By name float32, shape (n_members,): what else is known of each member, NaN unknown.
    """

    image_keys: NDArray[np.uint8]
    class_indices: NDArray[np.int32] | None
    group_indices: NDArray[np.int32] | None = None
    number_columns: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.image_keys)


@dataclass(frozen=True)
class RunRecord:
    """All that is known of a run.

    Attributes:
        status: Where it stands.
        spec: What it was asked to do.
        fingerprint: Digest of spec and members: tells a repeated start from another run under the same id.
        image_keys: uint8, shape (n_members, 32), in the order of the members; empty if it found nothing.
        result: What it found; None unless it succeeded.
    """

    status: RunStatus
    spec: RunSpec
    fingerprint: str
    image_keys: NDArray[np.uint8]
    result: RunResult | None
