"""Fits and assignments of vectors by a clusterer, which keeps nothing of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from secrets import token_bytes

import numpy as np
from numpy.typing import NDArray

from octcluster.clients.clusterer import ClustererClient
from octcluster.clients.clusterer_calls import with_run_id
from octcluster.images.keys import image_key
from octcluster.model.errors import InvalidArguments, OctclusterError, RunFailed
from octcluster.model.results import ClusteringResult
from octcluster.model.runs import EmbeddingSpace, Member, RunSpec

_OWN_BYTES = 32


@dataclass(frozen=True)
class Fit:
    """What became of vectors.

    Attributes:
        labels: Cluster of each, -1 for noise.
        result: What the clusterer tells of the clustering.
        content: What puts other vectors into the clusters, as a file; empty if it is too large to keep.
        agreement: Share of the vectors that the file puts into the cluster of their label.
    """

    labels: Sequence[int]
    result: ClusteringResult
    content: bytes
    agreement: float | None


def fit_vectors(
    clusterer: ClustererClient,
    spec: RunSpec,
    vectors: NDArray[np.float32],
    patients: Sequence[int | None],
) -> Fit:
    """Clusters vectors.

    Args:
        clusterer: Does the work.
        spec: How, and in which space the vectors lie.
        vectors: float32, shape (n_vectors, dimension).
        patients: Number of the patient of each vector; None: one of its own.

    Raises:
        OctclusterError: It could not be done; the message says what to do.
    """
    spec = with_run_id(spec)
    with _put(clusterer, spec.space, vectors) as keys:
        members = [Member(key, None, patient) for key, patient in zip(keys, patients, strict=True)]
        try:
            clusterer.start_run(spec, members)
            clusterer.wait(spec.run_id)
            result = clusterer.result(spec.run_id)
            content, agreement = b"", None
            if not result.fitted_missing_reason:
                content = clusterer.fitted_run(spec.run_id, result.chosen)
                agreement = clusterer.assign(spec.run_id, result.chosen, keys[:1]).fitted_agreement
            labels = clusterer.assignments(spec.run_id, result.chosen).clusters
        finally:
            with suppress(OctclusterError):  # the clusterer forgets it some day
                clusterer.delete(spec.run_id)
    return Fit(labels, result.results[result.chosen], content, agreement)


def assign_vectors(
    clusterer: ClustererClient, content: bytes, space: EmbeddingSpace, vectors: NDArray[np.float32]
) -> list[int]:
    """Puts vectors into the clusters of a fit.

    Args:
        clusterer: Does the work.
        content: The file of the fit.
        space: The space of its vectors.
        vectors: float32, shape (n_vectors, dimension).

    Raises:
        InvalidArguments: The fit has no file.
        OctclusterError: It could not be done; the message says what to do.
    """
    if not content:
        raise InvalidArguments(
            "the clusterer kept no rule that puts other vectors into the clusters, for it is too large: fit "
            "vectors with fewer columns, or a recipe with PCA"
        )
    with _put(clusterer, space, vectors) as keys:
        placed = clusterer.assign_fitted(clusterer.put_fitted_run(content), list(dict.fromkeys(keys)))
    cluster_of = dict(zip(placed.image_keys, placed.clusters, strict=True))
    if lost := len({*keys} - cluster_of.keys()):
        raise RunFailed(f"the clusterer's cache has lost {lost:,} vectors: try again", "vectors_missing")
    return [cluster_of[key] for key in keys]


@contextmanager
def _put(
    clusterer: ClustererClient, space: EmbeddingSpace, vectors: NDArray[np.float32]
) -> Iterator[list[bytes]]:
    """Gives vectors to the clusterer while the block runs; yields their keys, which no other call has.

    Calls that run at the same time, such as those of a grid search, have vectors in common: none may take
    away those of another.
    """
    own = token_bytes(_OWN_BYTES)
    data = [vector.astype("<f4", copy=False).tobytes() for vector in vectors]
    keys = [image_key(own + each) for each in data]
    try:
        clusterer.put_vectors(space, zip(keys, data, strict=True))
        yield keys
    finally:
        with suppress(OctclusterError):  # another clusterer's operator may not allow it
            clusterer.delete_vectors(keys)


def number_patients(groups: NDArray[np.object_]) -> list[int | None]:
    """Numbers patients by what tells them apart; missing values are patients of their own."""
    numbers: dict[object, int] = {}
    return [
        None if group is None or group != group else numbers.setdefault(group, len(numbers))  # noqa: PLR0124
        for group in groups.tolist()
    ]
