"""The whole of a run's arithmetic: preparation, clustering, scoring and the choice among the results."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.runs import RunResult, RunSpec, Stage

Report = Callable[[Stage, int, int], None]
"""Is told the stage, its units done and its units in all; raises RunCancelled to stop the run."""


def check_spec(spec: RunSpec, n_members: int) -> None:
    """Checks, before any work, that a run can be done with this many members.

    Args:
        spec: What the run shall do.
        n_members: Number of members.

    Raises:
        InvalidRequest: The spec breaks a rule, or does not fit the number of members or their dimension.
    """
    raise NotImplementedError


def run_pipeline(
    vectors: NDArray[np.float32], class_indices: NDArray[np.int32] | None, spec: RunSpec, report: Report
) -> RunResult:
    """Prepares vectors, clusters them in every way the spec asks for, scores the results and chooses one.

    The same arguments give the same result bit for bit, whatever the number of threads or processors.

    Args:
        vectors: float32, shape (n_members, dimension), C-contiguous. Handed over: overwritten to save memory.
        class_indices: int32, shape (n_members,), the known class of each member, -1 unknown; None if none is known.
        spec: What to do.
        report: Told of progress in Stage.PREPARING (in steps), CLUSTERING (in clusterings) and SCORING (in members),
            often; raises RunCancelled to stop the run.

    Returns:
        One result for each algorithm and number of clusters, with the times of the three stages.

    Raises:
        InvalidRequest: The spec breaks a rule or does not fit the vectors, or a vector holds NaN or infinity.
        RunCancelled: ``report`` raised it.
    """
    raise NotImplementedError
