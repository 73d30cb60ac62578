"""Scores that compare clusters with known classes.

They use only the members whose class is known. Noise is never right for accuracy and purity; for the other
scores, which compare two partitions, all noise members are one cluster of their own.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]
from sklearn import metrics

from octcluster_clusterer.runs import Contingency

Labels = NDArray[np.int32]


def accuracy(contingency: Contingency) -> float:
    """Share of the members that lie in the cluster matched with their class, under the best one-to-one match.

    0 to 1, best 1. Classes and clusters may differ in number: those left over match nothing. Noise matches
    nothing.

    References:
        Kuhn, "The Hungarian method for the assignment problem", 1955;
        ``scipy.optimize.linear_sum_assignment``.
    """
    counts = _without_noise(contingency)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return float(counts[rows, columns].sum() / contingency.counts.sum())


def purity(contingency: Contingency) -> float:
    """Share of the members that are of the most frequent class in their cluster.

    Above 0 to 1, best 1, which many small clusters reach too easily. Noise members count as not of that
    class.

    References:
        Manning, Raghavan and Schuetze, "Introduction to Information Retrieval", 2008, section 16.3.
    """
    return float(_without_noise(contingency).max(axis=0).sum() / contingency.counts.sum())


def adjusted_rand_index(classes: Labels, labels: Labels) -> float:
    """Share of the pairs on which classes and clusters agree, corrected for chance.

    -0.5 to 1, best 1; 0 is expected by chance, and is the value of a single cluster.

    References:
        Hubert and Arabie, "Comparing partitions", 1985, doi:10.1007/BF01908075.
    """
    return float(metrics.adjusted_rand_score(classes, labels))


def adjusted_mutual_information(classes: Labels, labels: Labels) -> float:
    """Mutual information of classes and clusters, as a share of their mean entropy, corrected for chance.

    At most 1, best 1; 0 is expected by chance, and it can be a little below.

    References:
        Vinh, Epps and Bailey, "Information theoretic measures for clusterings comparison", JMLR 2010.
    """
    return float(metrics.adjusted_mutual_info_score(classes, labels))


def normalized_mutual_information(classes: Labels, labels: Labels) -> float:
    """Mutual information of classes and clusters, as a share of their mean (arithmetic) entropy.

    0 to 1, best 1. Not corrected for chance: grows with the number of clusters.

    References:
        Strehl and Ghosh, "Cluster ensembles", JMLR 2002.
    """
    return float(metrics.normalized_mutual_info_score(classes, labels))


def homogeneity(classes: Labels, labels: Labels) -> float:
    """How nearly each cluster holds members of one class only, by conditional entropy.

    0 to 1, best 1; 0 for a single cluster.

    References:
        Rosenberg and Hirschberg, "V-measure", EMNLP 2007.
    """
    return float(metrics.homogeneity_score(classes, labels))


def completeness(classes: Labels, labels: Labels) -> float:
    """How nearly all members of each class lie in one cluster, by conditional entropy.

    0 to 1, best 1, which a single cluster reaches too.

    References:
        Rosenberg and Hirschberg, "V-measure", EMNLP 2007.
    """
    return float(metrics.completeness_score(classes, labels))


def v_measure(classes: Labels, labels: Labels) -> float:
    """Harmonic mean of homogeneity and completeness; equal to the normalized mutual information.

    0 to 1, best 1.

    References:
        Rosenberg and Hirschberg, "V-measure", EMNLP 2007.
    """
    return float(metrics.v_measure_score(classes, labels))


def fowlkes_mallows(classes: Labels, labels: Labels) -> float | None:
    """Geometric mean of precision and recall over pairs: those in one cluster, and those of one class.

    0 to 1, best 1.

    Returns:
        None if no two members share a class, or no two share a cluster: then there is no pair to judge.

    References:
        Fowlkes and Mallows, "A method for comparing two hierarchical clusterings", 1983, doi:10.2307/2288117.
    """
    if len(np.unique(classes)) == len(classes) or len(np.unique(labels)) == len(labels):
        return None
    return float(metrics.fowlkes_mallows_score(classes, labels))


def _without_noise(contingency: Contingency) -> NDArray[np.int64]:
    return contingency.counts[:, contingency.clusters >= 0]
