"""The matrix of a study: features x preparation x algorithm x number of clusters; study_file reads it.

A matrix is cut into parts: a part is what one run on the clusterer does, all algorithms and numbers of
clusters on features that are embedded and prepared once.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from octcluster.model.runs import PLAIN_VIEW, Preparation


@dataclass(frozen=True)
class FeatureSet:
    """What an image becomes: a model's features under a name for people."""

    name: str
    model: str
    features: str
    flip: bool = False
    views: tuple[str, ...] = PLAIN_VIEW


@dataclass(frozen=True)
class Part:
    """The cells of the matrix that one run fills: algorithms x numbers of clusters on prepared features.

    Attributes:
        feature_set: The features.
        preparation_name: Name of the preparation for people.
        preparation: What happens to the features before clustering.
        algorithms: Names out of ALGORITHMS.
        min_clusters: Smallest number of clusters.
        max_clusters: Largest number of clusters.
        images_a_component: As in Recipe.
    """

    feature_set: FeatureSet
    preparation_name: str
    preparation: Preparation
    algorithms: tuple[str, ...]
    min_clusters: int
    max_clusters: int
    images_a_component: int = 0

    @property
    def title(self) -> str:
        """The part in words."""
        return f"{self.feature_set.name}, {self.preparation_name}"

    def cells(self, count_finders: Collection[str]) -> list[tuple[str, int | None]]:
        """Lists the cells.

        Args:
            count_finders: Algorithms that find the number of clusters themselves: see ClustererInfo.

        Returns:
            Algorithm and number of clusters of each cell; None where the algorithm finds it itself.
        """
        counts = range(self.min_clusters, self.max_clusters + 1)
        return [
            (algorithm, k)
            for algorithm in self.algorithms
            for k in ([None] if algorithm in count_finders else counts)
        ]


@dataclass(frozen=True)
class Published:
    """Figures that others published, for the same cells of the matrix.

    Attributes:
        source: Where they are from, for people.
        features: Names of the feature sets that they stand beside.
        preparations: Names of the preparations that they stand beside.
        algorithm: Name out of ALGORITHMS.
        silhouettes: Silhouette by number of clusters.
        k: Number of clusters of the other figures; None if there are none.
        accuracy: Accuracy under the best one-to-one match.
        adjusted_rand_index: Adjusted Rand index.
        classes: Names of the rows of the counts.
        counts: Images by class and cluster.
    """

    source: str
    features: tuple[str, ...]
    preparations: tuple[str, ...]
    algorithm: str
    silhouettes: Mapping[int, float]
    k: int | None = None
    accuracy: float | None = None
    adjusted_rand_index: float | None = None
    classes: tuple[str, ...] = ()
    counts: tuple[tuple[int, ...], ...] = ()

    def stands_beside(self, part: Part, algorithm: str, k: int | None) -> bool:
        """Whether it has figures for this cell."""
        return (
            part.feature_set.name in self.features
            and part.preparation_name in self.preparations
            and algorithm == self.algorithm
            and k is not None
            and (k == self.k or k in self.silhouettes)
        )


@dataclass(frozen=True)
class StudyMatrix:
    """A declared matrix: its title, its parts in order, published figures, and the text that declared it."""

    title: str
    parts: tuple[Part, ...]
    published: tuple[Published, ...]
    text: str

    @property
    def models(self) -> list[str]:
        """The models that the parts need, each once."""
        return list(dict.fromkeys(part.feature_set.model for part in self.parts))
