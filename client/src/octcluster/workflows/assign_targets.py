"""Where new images are put: a run as a file, or a run that its clusterer still has."""

from collections.abc import Sequence
from typing import Protocol

from octcluster.clients.clusterer import ClustererClient
from octcluster.clients.embedder import EmbedderClient
from octcluster.model.errors import NotReady, RunNotFound, SpaceMismatch
from octcluster.model.own_vectors import OWN_VECTORS
from octcluster.model.placements import Placements
from octcluster.model.run_model import RunModel
from octcluster.model.runs import EmbeddingSpace
from octcluster.workflows.finished_runs import FinishedRun
from octcluster.workflows.run_members import RunMembers, read_run_members


class AssignTarget(Protocol):
    """A finished run that takes images; its ``model`` says what it is."""

    model: RunModel

    def assign(self, image_keys: Sequence[bytes], unit_numbers: Sequence[int]) -> Placements:
        """Puts images and units into its clusters; see ClustererClient.assign."""


class ModelTarget:
    """A run out of ``model.npz``, which the clusterer of the moment gets."""

    def __init__(self, model: RunModel, clusterer: ClustererClient) -> None:
        self.model = model
        self._content = model.fitted or b""
        self._clusterer = clusterer
        self._digest = clusterer.put_fitted_run(self._content)

    def assign(self, image_keys: Sequence[bytes], unit_numbers: Sequence[int]) -> Placements:
        """See AssignTarget; the file is put once more if the clusterer has lost it."""
        try:
            return self._clusterer.assign_fitted(self._digest, image_keys, unit_numbers)
        except RunNotFound:
            self._digest = self._clusterer.put_fitted_run(self._content)
            return self._clusterer.assign_fitted(self._digest, image_keys, unit_numbers)


class RunTarget:
    """A run on its clusterer."""

    def __init__(self, run: FinishedRun, clusterer: ClustererClient, embedder: EmbedderClient) -> None:
        self._clusterer = clusterer
        try:
            result = clusterer.result(run.run_id)
        except RunNotFound as error:
            raise RunNotFound(_explain_missing(run)) from error
        chosen = result.results[result.chosen]
        self._chosen = result.chosen
        known = [] if chosen.contingency is None else list(chosen.contingency.class_indices)
        names = run.classes if known else []
        sizes = (
            dict(zip(known, map(sum, chosen.contingency.counts), strict=True)) if chosen.contingency else {}
        )
        self.model = RunModel(
            run_id=run.run_id,
            space=find_space(embedder, result.space_digest),
            cluster_sizes=chosen.cluster_sizes,
            class_sizes=None if known and not names else {names[index]: sizes[index] for index in known},
            class_of_cluster={
                cluster: names[index] for cluster, index in chosen.class_of_cluster.items() if names
            },
            algorithm=chosen.algorithm,
        )

    def assign(self, image_keys: Sequence[bytes], unit_numbers: Sequence[int]) -> Placements:
        """See AssignTarget."""
        return self._clusterer.assign(self.model.run_id, self._chosen, image_keys, unit_numbers)


def check_embeddable(run: FinishedRun) -> None:
    """Raises SpaceMismatch if the run is one of vectors that no embedder of ours makes."""
    if run.model is not None and run.model.space.model == OWN_VECTORS:
        raise SpaceMismatch(
            "the run was made of vectors that were given, and no embedder makes such: give the vectors of "
            "the new images, too, in a .npy or Parquet file"
        )


def _explain_missing(run: FinishedRun) -> str:
    """Why a clusterer may not have a run, and what to do."""
    repeat = "Repeat it with 'octcluster run': there is no model.npz of it"
    if run.not_kept:
        return (
            f"the clusterer does not have the run {run.run_id}, as the run itself said at its end: "
            f"{run.not_kept}. {repeat}"
        )
    return (
        f"the clusterer does not have the run {run.run_id}: it is another clusterer or cache folder than "
        "that of the run, or the run was deleted, is older than the clusterer keeps runs, was lost with "
        "the data of Redis, or was started with another token or certificate. Name the clusterer or the "
        f"cache folder that has it. {repeat}"
    )


def find_space(
    embedder: EmbedderClient, digest: bytes, wanted: EmbeddingSpace | None = None
) -> EmbeddingSpace:
    """Finds a run's embedding space on the embedder.

    Args:
        embedder: The embedder.
        digest: Digest of the space.
        wanted: The space, if more is known of it.

    Raises:
        SpaceMismatch: The embedder does not serve it.
    """
    models = embedder.info().models
    for model in models:
        for space in model.spaces.values():
            if space.digest == digest:
                return space
    served = ", ".join(model.name for model in models)
    if wanted is None:
        raise SpaceMismatch(
            "the embedder serves another model, other weights or another release than that of the run "
            f"({served}): use the embedder of the run, or repeat the run"
        )
    raise SpaceMismatch(
        f"the run was made with {wanted.model} (features {wanted.features}, weights "
        f"{wanted.weights_digest[:12]}, preprocessing {wanted.preprocessing_version}, precision "
        f"{wanted.precision}). The embedder serves {served}, but no such vectors: its model, weights, "
        "precision or release is another one. Use an embedder with that model, these weights and this "
        "precision (--precision of octcluster-embedder), or repeat the run with this one"
    )


def find_members(run: FinishedRun, clusterer: ClustererClient, key_secret: bytes) -> RunMembers:
    """What is known of the run's own images: from its folder, else their keys from the clusterer."""
    known = RunMembers() if run.folder is None else read_run_members(run.folder, run.run_id, key_secret)
    if known.patients is not None:
        return known
    try:
        keys = clusterer.assignments(run.run_id, 0).image_keys
        # Of a run of eyes, the clusterer tells one image each.
        return RunMembers(frozenset(keys)) if clusterer.status(run.run_id).members == len(keys) else known
    except (RunNotFound, NotReady):
        return known
