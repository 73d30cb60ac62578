"""Putting unseen vectors into the clusters of a finished run, without clustering again.

Each result gets one of two linear rules, fitted in ``assignment_rules.py``: the nearest cluster mean, or the
linear discriminant. The vectors are prepared as those of the run were.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.errors import CannotAssign
from octcluster_clusterer.fitted_preparation import FittedPart, FittedPreparation, project
from octcluster_clusterer.tiles import slices

_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class ClusterRule:
    """How vectors are put into the clusters of one result.

    Attributes:
        means: float32, shape (n_clusters, prepared_dimension): mean of each cluster's members.
        weights: float32, shape (prepared_dimension, n_clusters).
        biases: float64, shape (n_clusters,): a vector x belongs to the cluster with the largest
            ``x @ weights + biases``; softmax of these are the clusters' probabilities.
        outlier_distances: float64, shape (n_clusters,): at least 99% of the members are not farther from
            their cluster's mean.
        fitted_agreement: Share of the run's members that this rule puts into their cluster, 0 to 1. Noise is
            no cluster: each such member counts as not agreed.
    """

    means: NDArray[np.float32]
    weights: NDArray[np.float32]
    biases: NDArray[np.float64]
    outlier_distances: NDArray[np.float64]
    fitted_agreement: float


@dataclass(frozen=True)
class Assignments:
    """Where vectors belong.

    Attributes:
        clusters: int32, shape (n_vectors,).
        distances: float32, shape (n_vectors,): Euclidean distance of the prepared vector to the
            cluster's mean.
        margins: float32, shape (n_vectors,): by which share the mean of its cluster is nearer than that of
            the nearest other one, 0 (torn) to 1 (on the mean itself, or no other cluster).
        outliers: bool, shape (n_vectors,): farther from the mean than 99% of the cluster's members.
    """

    clusters: NDArray[np.int32]
    distances: NDArray[np.float32]
    margins: NDArray[np.float32]
    outliers: NDArray[np.bool_]


@dataclass(frozen=True)
class FittedRun:
    """All that is needed to put other vectors into a run's clusters.

    Attributes:
        preparation: The run's preparation.
        rules: One for each result; None for a result without clusters.
    """

    preparation: FittedPreparation
    rules: Sequence[ClusterRule | None]

    def assign(self, result_index: int, vectors: NDArray[np.float32]) -> tuple[Assignments, float]:
        """Puts vectors into the clusters of a result; see ``assign``.

        Args:
            result_index: Index of the result.
            vectors: float32, shape (n_vectors, dimension): as they are in the cache.

        Returns:
            Where they belong, and the rule's ``fitted_agreement``.

        Raises:
            CannotAssign: The result has no clusters.
        """
        rule = self.rules[result_index]
        if rule is None:
            raise CannotAssign("the result has no clusters, all members are noise: choose another result")
        return assign(rule, self.preparation.apply(vectors)), rule.fitted_agreement

    def to_bytes(self) -> bytes:
        """Writes all of it down, for ``read_fitted_run``."""
        arrays: dict[str, NDArray[np.generic]] = {
            "l2_normalize": np.array(self.preparation.l2_normalize),
            "prepared_length": np.array(self.preparation.prepared_length or 0.0),
            "n_parts": np.array(len(self.preparation.parts)),
            "n_rules": np.array(len(self.rules)),
        }
        for kind, entries in (("part", self.preparation.parts), ("rule", self.rules)):
            for i, entry in enumerate(entries):
                values = {} if entry is None else vars(entry)
                arrays |= {
                    f"{kind}{i}.{name}": np.asarray(value)
                    for name, value in values.items()
                    if value is not None
                }
        file = BytesIO()
        np.savez(file, allow_pickle=False, **arrays)
        return file.getvalue()


def read_fitted_run(content: bytes) -> FittedRun:
    """Reads what ``FittedRun.to_bytes`` wrote."""
    with np.load(BytesIO(content), allow_pickle=False) as file:
        arrays = dict(file)

    def fields_of(entry: str) -> dict[str, Any]:
        return {
            name.removeprefix(f"{entry}."): values
            for name, values in arrays.items()
            if name.startswith(f"{entry}.")
        }

    parts = [FittedPart(**{"axes": None, **fields_of(f"part{i}")}) for i in range(int(arrays["n_parts"]))]
    rules: list[ClusterRule | None] = []
    for i in range(int(arrays["n_rules"])):
        rule = fields_of(f"rule{i}")
        agreement = float(rule.get("fitted_agreement", 0))
        rules.append(ClusterRule(**{**rule, "fitted_agreement": agreement}) if rule else None)
    preparation = FittedPreparation(
        bool(arrays["l2_normalize"]), parts, float(arrays["prepared_length"]) or None
    )
    return FittedRun(preparation, rules)


def assign(rule: ClusterRule, prepared: NDArray[np.float32]) -> Assignments:
    """Puts prepared vectors into clusters; a vector's answer does not depend on the others.

    Args:
        rule: The rule of a result.
        prepared: float32, shape (n_vectors, prepared_dimension): prepared by the run's ``FittedPreparation``.
    """
    values = project(prepared, rule.weights) + rule.biases
    clusters = values.argmax(axis=1).astype(np.int32)
    distances = measure_distances(prepared, rule.means, clusters)
    return Assignments(
        clusters,
        distances.astype(np.float32),
        _find_margins(rule, prepared, clusters, distances).astype(np.float32),
        distances > rule.outlier_distances[clusters],
    )


def _find_margins(
    rule: ClusterRule,
    prepared: NDArray[np.float32],
    clusters: NDArray[np.int32],
    distances: NDArray[np.float64],
) -> NDArray[np.float64]:
    """By which share the mean of the own cluster is nearer than that of the nearest other one, 0 to 1."""
    nearest_other = np.full(len(prepared), np.inf)
    for other in range(len(rule.means)):
        to_other = measure_distances(prepared, rule.means, np.full(len(prepared), other, dtype=np.int32))
        nearest_other = np.where(clusters == other, nearest_other, np.minimum(nearest_other, to_other))
    nearest_other[nearest_other == 0] = np.finfo(np.float64).tiny
    margins: NDArray[np.float64] = np.clip(1 - distances / nearest_other, 0, 1)
    return margins


def measure_distances(
    prepared: NDArray[np.float32], means: NDArray[np.float32], clusters: NDArray[np.int32]
) -> NDArray[np.float64]:
    """float64, shape (n_vectors,): Euclidean distance of each vector to the mean of its cluster."""
    distances = np.empty(len(prepared))
    for rows in slices(len(prepared), _ROWS_AT_ONCE):
        offsets = prepared[rows].astype(np.float64) - means[clusters[rows]]
        distances[rows] = np.sqrt(np.square(offsets).sum(axis=1))
    return distances
