"""``ConsensusClusterer``: the recipe's preparation and clustering of any vectors, for scikit-learn."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.metrics import silhouette_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from octcluster.clients.security import Tls
from octcluster.model.own_vectors import own_space, recipe_for
from octcluster.model.recipes import Recipe, find_recipe
from octcluster.model.runs import EmbeddingSpace, RunSpec
from octcluster.sklearn.fitting import assign_vectors, fit_vectors, number_patients
from octcluster.sklearn.kept_clusterer import connected_clusterer

_TYPE = "float32"


class ConsensusClusterer(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Clusters vectors as ``octcluster run`` does: the recipe's preparation, then its algorithm.

    The clusterer of octcluster does the work. The first fit of a process starts one on this machine, which
    takes seconds and ends with the process, unless another one is named. What was put there is removed again.

    ``predict`` follows a linear rule that was fitted to the clusters, as ``octcluster assign`` does: a vector
    of the fit that lies between two clusters may get another one than ``labels_`` says.
    ``fitted_agreement_`` tells how many do not.

    Attributes:
        labels_: Cluster of each vector of the fit, int64, shape (n_vectors,); -1 is noise.
        n_clusters_: Number of clusters.
        n_features_in_: Number of values in a vector.
        feature_names_in_: Names of the columns, if the fit had a data frame with such.
        result_: What the clusterer tells of the clustering: its scores, sizes and reasons. None for one
            cluster.
        fitted_agreement_: Share of the vectors of the fit that ``predict`` puts into the cluster of
            ``labels_``; None if it can put none.
    """

    def __init__(  # noqa: PLR0913 - options by keyword, as scikit-learn has them
        self,
        n_clusters: int | tuple[int, int] = 4,
        *,
        recipe: str | Recipe | None = None,
        parts: Sequence[int] | None = None,
        random_state: int | np.random.RandomState | None = 0,
        clusterer: str | None = None,
        tls: Tls | None = None,
        token: str | None = None,
    ) -> None:
        """Takes options; they are checked by ``fit``.

        Args:
            n_clusters: Number of clusters, or the smallest and the largest to choose from.
            recipe: Name out of RECIPES, or a recipe of one's own; its preparation and algorithm are used.
                None: ``consensus-3`` for vectors of several parts, else ``consensus-2``.
            parts: Number of values in each part of a vector, which is prepared by itself, such as
                ``OctEmbedder.part_dimensions_``; None: a vector is one part.
            random_state: Seed of every random choice. None: another one each time.
            clusterer: Address of a clusterer; None: one on this machine.
            tls: How the connection to that clusterer is secured; None: it is not.
            token: What that clusterer wants to see; None: nothing.
        """
        self.n_clusters = n_clusters
        self.recipe = recipe
        self.parts = parts
        self.random_state = random_state
        self.clusterer = clusterer
        self.tls = tls
        self.token = token

    def fit(self, X: ArrayLike, y: object = None, groups: Any = None) -> Self:
        """Clusters vectors.

        Args:
            X: The vectors, shape (n_vectors, n_features), finite; float32 is computed with.
            y: Not used.
            groups: Patient of each vector, any values that can be told apart; None: each is of its own.

        Raises:
            ValueError: The vectors or options cannot be used.
            OctclusterError: The clusterer could not do it; the message says what to do.
        """
        vectors = validate_data(self, X, dtype=_TYPE, order="C", ensure_min_samples=2)
        smallest, largest = self._count_clusters(len(vectors))
        if groups is None:
            patients: Sequence[int | None] = [None] * len(vectors)
        else:
            check_consistent_length(vectors, groups)
            patients = number_patients(np.asarray(groups, dtype=object))
        if largest == 1:
            self.labels_ = np.zeros(len(vectors), np.int64)
            self.n_clusters_, self.result_, self._content = 1, None, b""
            self.fitted_agreement_: float | None = 1.0
            return self
        spec = self._spec(len(vectors), smallest, largest)
        with connected_clusterer(self.clusterer, self.tls, self.token) as clusterer:
            fit = fit_vectors(clusterer, spec, vectors, patients)
        self.labels_ = np.asarray(fit.labels, np.int64)
        self.n_clusters_, self.result_ = fit.result.clusters, fit.result
        self.fitted_agreement_, self._content = fit.agreement, fit.content
        return self

    def fit_predict(self, X: ArrayLike, y: object = None, groups: Any = None) -> NDArray[np.int64]:
        """Clusters vectors, and gives the cluster of each; see ``fit``."""
        return self.fit(X, y, groups).labels_

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Puts vectors into the clusters; nothing is fitted again.

        Args:
            X: The vectors, shape (n_vectors, n_features).

        Returns:
            Cluster of each vector, int64, shape (n_vectors,).

        Raises:
            ValueError: The vectors are none of the kind of the fit.
            OctclusterError: The clusterer could not do it; the message says what to do.
        """
        check_is_fitted(self)
        vectors = validate_data(self, X, dtype=_TYPE, order="C", reset=False)
        if self.result_ is None:
            return np.zeros(len(vectors), np.int64)
        with connected_clusterer(self.clusterer, self.tls, self.token) as clusterer:
            return np.asarray(assign_vectors(clusterer, self._content, self._space(), vectors), np.int64)

    def score(self, X: ArrayLike, y: object = None) -> float:
        """The mean silhouette of vectors in the clusters that ``predict`` gives, -1 to 1; 1 is best.

        Args:
            X: The vectors, shape (n_vectors, n_features).
            y: Not used.

        Returns:
            The silhouette with Euclidean distances of the vectors as they are; -1 where it is undefined, for
            they all lie in one cluster, or each in one of its own.
        """
        labels = self.predict(X)
        if not 1 < len(np.unique(labels)) < len(labels):
            return -1.0
        return float(silhouette_score(X, labels))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags

    def _count_clusters(self, n_vectors: int) -> tuple[int, int]:
        """The smallest and the largest number of clusters, if that can be."""
        asked = self.n_clusters
        smallest, largest = asked if isinstance(asked, tuple | list) and len(asked) == 2 else (asked, asked)
        for number in (smallest, largest):
            if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
                raise ValueError(
                    f"n_clusters={asked!r} is no number of clusters: give 4, or (2, 6) to choose"
                )
        if smallest > largest or smallest == 1 < largest:
            raise ValueError(f"n_clusters={asked!r}: a choice goes from 2 or more to a larger number")
        if n_vectors < largest:
            raise ValueError(
                f"n_samples={n_vectors} should be >= n_clusters={largest}: ask for fewer clusters"
            )
        return int(smallest), int(largest)

    def _space(self) -> EmbeddingSpace:
        parts = () if self.parts is None else tuple(map(int, self.parts))
        if parts and (min(parts) < 1 or sum(parts) != self.n_features_in_):
            raise ValueError(
                f"parts={parts} are no parts of {self.n_features_in_} features: together they must be as many"
            )
        return own_space(self.n_features_in_, _TYPE, parts)

    def _spec(self, n_vectors: int, smallest: int, largest: int) -> RunSpec:
        space = self._space()
        recipe = find_recipe(self.recipe) if isinstance(self.recipe, str) else self.recipe
        recipe = recipe or recipe_for(space)
        parts = space.part_dimensions if len(space.part_dimensions) > 1 else ()
        preparation = replace(recipe.preparation_for(n_vectors), part_dimensions=parts)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        if isinstance(self.random_state, int | np.integer):
            seed = int(self.random_state)
        return RunSpec(space, preparation, recipe.algorithms, smallest, largest, seed)
