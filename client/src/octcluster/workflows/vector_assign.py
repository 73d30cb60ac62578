"""Putting vectors that somebody brings into the clusters of a finished run; no embedder is needed."""

from octcluster.clients.clusterer import ClustererClient
from octcluster.model.errors import InvalidArguments, SpaceMismatch
from octcluster.model.progress import Progress
from octcluster.workflows.assign import Assigning, AssignOptions, AssignSource
from octcluster.workflows.assign_targets import AssignTarget, ModelTarget
from octcluster.workflows.finished_runs import FinishedRun
from octcluster.workflows.outcome import AssignOutcome
from octcluster.workflows.own_vectors import OwnVectors
from octcluster.workflows.services import connected_clusterer, find_not_kept, started_services
from octcluster.workflows.stages import Stages
from octcluster.workflows.vector_run import GivenVectors, key_vectors


def assign_vectors(
    run: FinishedRun, own: OwnVectors, options: AssignOptions, progress: Progress
) -> AssignOutcome:
    """Puts vectors into the clusters of a run; see ``assign_images``.

    Args:
        run: The run, with its model.
        own: The vectors.
        options: How to do it.
        progress: Told how far it is. Stages are "Starting" and "Assigning".

    Raises:
        InvalidArguments: The run has no ``model.npz``.
        SpaceMismatch: Its vectors are of another kind.
        OctclusterError: It could not be done; the message says what to do.
    """
    if run.model is None:
        raise InvalidArguments(
            "vectors are assigned by a run's model.npz: name the folder of the run, or that file"
        )
    there = run.model.space
    if there.digest != own.space.digest:
        raise SpaceMismatch(
            f"the run was made of vectors of {there.model} with {there.dimension:,} values "
            f"({there.data_type}), and these are of {own.space.model} with {own.space.dimension:,} "
            f"({own.space.data_type}): give vectors that were made as those of the run"
        )
    stages = Stages(progress)
    with started_services(options, progress, embedder=False) as stack:
        images = key_vectors(own, options.key_secret)
        with connected_clusterer(options, stack, stages) as clusterer:
            source: AssignSource = _Vectors(run, own, clusterer)
            outcome = Assigning(run, own.image_set, options, stages, images, source).run()
    if not_kept := find_not_kept(stack):
        progress.message(not_kept)
    return outcome


class _Vectors(GivenVectors):
    """Vectors that are there already. See AssignSource."""

    def __init__(self, run: FinishedRun, own: OwnVectors, clusterer: ClustererClient) -> None:
        super().__init__(own, clusterer)
        self.clusterer = clusterer
        self._run = run

    def find_target(self) -> AssignTarget:
        """See AssignSource."""
        assert self._run.model is not None  # noqa: S101 - assign_vectors has looked
        return ModelTarget(self._run.model, self.clusterer)
