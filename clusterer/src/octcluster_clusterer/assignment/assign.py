"""Putting unseen vectors into the clusters of a finished run, without clustering again.

Each result gets one of two linear rules, fitted in ``fit.py``: the nearest cluster mean, or the
linear discriminant. The vectors are prepared as those of the run were.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.errors import CannotAssign
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.preparation.fitted import FittedPreparation, project
from octcluster_clusterer.tiles import slices

OUTLIER_PERCENTILE = 99
"""Farther from the mean than so many percent of the members: an outlier."""
_ROWS_AT_ONCE = 1024
# Of offsets from means, which are float64: 1 MiB.
_VALUES_AT_ONCE = 2**17


@dataclass(frozen=True)
class ClusterRule:
    """How vectors are put into the clusters of one result.

    Attributes:
        means: float32, shape (n_clusters, prepared_dimension): mean of each cluster's members.
        weights: float32, shape (prepared_dimension, n_clusters).
        biases: float64, shape (n_clusters,): a vector x belongs to the cluster with the largest
            ``x @ weights + biases``; softmax of these are the clusters' probabilities.
        distance_quantiles: float64, shape (n_clusters, 100), rising: at least 1%, 2%, ... 100% of the
            cluster's members are not farther from its mean.
        fitted_agreement: Share of the run's members that this rule puts into their cluster, 0 to 1. Noise is
            no cluster: each such member counts as not agreed.
    """

    means: NDArray[np.float32]
    weights: NDArray[np.float32]
    biases: NDArray[np.float64]
    distance_quantiles: NDArray[np.float64]
    fitted_agreement: float


@dataclass(frozen=True)
class Placements:
    """Where vectors belong.

    Attributes:
        clusters: int32, shape (n_vectors,).
        distances: float32, shape (n_vectors,): Euclidean distance of the prepared vector to the
            cluster's mean.
        margins: float32, shape (n_vectors,): where the vector lies between the border to the cluster that
            suits second best, 0 (torn), and its cluster's own mean, 1 (there or beyond, or no other cluster).
        outliers: bool, shape (n_vectors,): farther from the mean than 99% of the cluster's members.
        percentiles: uint8, shape (n_vectors,): how many percent of the cluster's members are nearer to the
            mean, 0 to 100, rounded down.
    """

    clusters: NDArray[np.int32]
    distances: NDArray[np.float32]
    margins: NDArray[np.float32]
    outliers: NDArray[np.bool_]
    percentiles: NDArray[np.uint8]


@dataclass(frozen=True)
class FittedResult:
    """All that is needed to put other vectors into the clusters of one result of a run.

    Attributes:
        space: Space of the run's vectors.
        preparation: The run's preparation.
        rule: The result's rule.
    """

    space: VectorSpace
    preparation: FittedPreparation
    rule: ClusterRule

    def assign(self, vectors: NDArray[np.float32]) -> Placements:
        """Puts vectors, float32, shape (n_vectors, dimension), as they are in the cache; see ``assign``."""
        return self.assign_members(self.preparation.prepare_members(vectors))

    def assign_members(self, members: NDArray[np.float32]) -> Placements:
        """Puts vectors, or means of them, into clusters.

        Args:
            members: float32, shape (n_vectors, prepared_dimension): of ``FittedPreparation.prepare_members``,
                or means of such; overwritten.
        """
        return assign(self.rule, self.preparation.finish(members))


@dataclass(frozen=True)
class FittedRun:
    """All that is needed to put other vectors into a run's clusters.

    Attributes:
        preparation: The run's preparation.
        rules: One for each result; None for a result without clusters.
    """

    preparation: FittedPreparation
    rules: Sequence[ClusterRule | None]

    def result(self, result_index: int, space: VectorSpace) -> FittedResult:
        """What puts vectors of the run's space into the clusters of one result.

        Raises:
            CannotAssign: The result has no clusters.
        """
        rule = self.rules[result_index]
        if rule is None:
            raise CannotAssign("the result has no clusters, all members are noise: choose another result")
        return FittedResult(space, self.preparation, rule)


def assign(rule: ClusterRule, prepared: NDArray[np.float32]) -> Placements:
    """Puts prepared vectors into clusters; a vector's answer does not depend on the others.

    Args:
        rule: The rule of a result.
        prepared: float32, shape (n_vectors, prepared_dimension): prepared by the run's ``FittedPreparation``.
    """
    own_values = project(rule.means, rule.weights) + rule.biases
    clusters = np.empty(len(prepared), dtype=np.int32)
    margins = np.empty(len(prepared), dtype=np.float32)
    for rows in slices(len(prepared), _ROWS_AT_ONCE):
        values = project(prepared[rows], rule.weights) + rule.biases
        clusters[rows] = values.argmax(axis=1)
        margins[rows] = _find_margins(values, clusters[rows], own_values)
    distances = measure_distances(prepared, rule.means, clusters)
    percentiles = _find_percentiles(distances, clusters, rule.distance_quantiles)
    return Placements(
        clusters, distances.astype(np.float32), margins, percentiles >= OUTLIER_PERCENTILE, percentiles
    )


def _find_margins(
    values: NDArray[np.float64], clusters: NDArray[np.int32], own_values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far vectors are from the borders of their cluster, as shares of how far its mean is, 0 to 1.

    Args:
        values: float64, shape (n_vectors, n_clusters): what the rule says of the vectors.
        clusters: int32, shape (n_vectors,): the clusters with the largest of these values.
        own_values: float64, shape (n_clusters, n_clusters): what the rule says of the clusters' means.
    """
    leads = values.max(axis=1, keepdims=True) - values
    with np.errstate(invalid="ignore"):
        leads_of_means = (own_values.diagonal()[:, np.newaxis] - own_values)[clusters]
    # A mean may lie beyond the border of a small cluster; an empty one is infinitely far behind.
    comparable = (leads_of_means > 0) & np.isfinite(leads)
    shares = np.divide(leads, leads_of_means, out=(leads > 0).astype(np.float64), where=comparable)
    np.put_along_axis(shares, clusters[:, np.newaxis], 1, axis=1)
    margins: NDArray[np.float64] = np.minimum(shares.min(axis=1), 1)
    return margins


def _find_percentiles(
    distances: NDArray[np.float64], clusters: NDArray[np.int32], quantiles: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """uint8, shape (n_vectors,): how many of the 100 quantiles of its cluster each distance is beyond."""
    percentiles = np.empty(len(distances), dtype=np.uint8)
    for cluster, own in enumerate(quantiles):
        members = clusters == cluster
        percentiles[members] = np.searchsorted(own, distances[members], side="left")
    return percentiles


def measure_distances(
    prepared: NDArray[np.float32], means: NDArray[np.float32], clusters: NDArray[np.int32]
) -> NDArray[np.float64]:
    """float64, shape (n_vectors,): Euclidean distance of each vector to the mean of its cluster."""
    distances = np.empty(len(prepared))
    for rows in slices(len(prepared), max(1, _VALUES_AT_ONCE // prepared.shape[1])):
        offsets = prepared[rows].astype(np.float64) - means[clusters[rows]]
        distances[rows] = np.sqrt(np.square(offsets).sum(axis=1))
    return distances
