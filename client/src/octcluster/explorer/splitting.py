"""Parts of a group by clustering its images again; a person looks at them before they become groups."""

from collections.abc import Sequence

import numpy as np

from octcluster.explorer.jobs import Jobs
from octcluster.explorer.vectors import list_images
from octcluster.explorer.workspace import Workspace
from octcluster.model.errors import ActRefused
from octcluster.model.progress import Progress
from octcluster.workflows.run_vectors import cluster_again
from octcluster.workflows.services import ServiceOptions

MOST_PARTS = 20


def start_split(
    workspace: Workspace, jobs: Jobs, options: ServiceOptions, group: object, parts: object
) -> int:
    """Starts to cluster the usable images of a group by the run's own recipe.

    Args:
        workspace: Has the group.
        jobs: Does the work.
        options: Services that have the vectors.
        group: Id of the group.
        parts: How many parts to find.

    Returns:
        Number of the job; its result is the rows of each part, the largest first.

    Raises:
        ActRefused: There is no such group, or it cannot have so many parts.
    """
    if not isinstance(group, str):
        raise ActRefused("a split needs the id of a group: choose one")
    if not isinstance(parts, int) or isinstance(parts, bool) or not 2 <= parts <= MOST_PARTS:
        raise ActRefused(f"k={parts} cannot be used: give a whole number of parts from 2 to {MOST_PARTS}")
    groups = workspace.groups
    rows = np.flatnonzero((groups.group_of == groups.find(group)) & ~groups.unusable).tolist()
    if len(rows) < parts:
        raise ActRefused(
            f"the group has {len(rows)} usable images, fewer than {parts} parts: ask for fewer parts"
        )
    result = workspace.result

    def work(progress: Progress) -> list[list[int]]:
        clusters = cluster_again(result.run, list_images(result, rows), parts, options, progress)
        return _gather(rows, clusters)

    number, _ = jobs.start(work)
    return number


def _gather(rows: Sequence[int], clusters: Sequence[int]) -> list[list[int]]:
    """The rows of each cluster, the largest first; noise stays where it is."""
    parts: dict[int, list[int]] = {}
    for row, cluster in zip(rows, clusters, strict=True):
        parts.setdefault(cluster, []).append(row)
    return sorted(
        (part for cluster, part in parts.items() if cluster >= 0), key=lambda part: (-len(part), part)
    )
