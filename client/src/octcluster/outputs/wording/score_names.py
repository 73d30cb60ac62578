"""What the scores are called, in files and for people: the one table of their names."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ScoreName:
    """The names of one score.

    Attributes:
        short: Name in JSON and CSV files.
        title: Name for people.
        meaning: What it says and how far it goes, in a few words.
    """

    short: str
    title: str
    meaning: str


SCORE_NAMES: Mapping[str, ScoreName] = {
    "silhouette": ScoreName(
        "silhouette",
        "silhouette",
        "how much nearer images are to their own cluster than to the next; -1 to 1",
    ),
    "accuracy": ScoreName(
        "accuracy",
        "accuracy",
        "share of images in the cluster of their class, one cluster for one class; 0 to 1",
    ),
    "adjusted_rand_index": ScoreName(
        "ari", "ARI", "adjusted Rand index: agreement on pairs of images; 0 is chance, 1 perfect"
    ),
    "adjusted_mutual_information": ScoreName(
        "ami", "AMI", "adjusted mutual information; 0 is chance, 1 perfect"
    ),
    "normalized_mutual_information": ScoreName(
        "nmi", "NMI", "normalized mutual information, not corrected for chance; 0 to 1"
    ),
    "homogeneity": ScoreName("homogeneity", "homogeneity", "1 if each cluster holds one class only"),
    "completeness": ScoreName("completeness", "completeness", "1 if each class lies in one cluster only"),
    "v_measure": ScoreName("v_measure", "V-measure", "harmonic mean of homogeneity and completeness"),
    "fowlkes_mallows": ScoreName(
        "fowlkes_mallows",
        "Fowlkes-Mallows",
        "geometric mean of precision and recall on pairs of images; 0 to 1",
    ),
    "purity": ScoreName(
        "purity",
        "purity",
        "share of images in the most frequent class of their cluster; grows with the number of clusters",
    ),
}
"""The fields of ``Scores`` in their order."""
