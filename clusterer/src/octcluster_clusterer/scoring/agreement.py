"""Scores that compare clusters with known classes, for one table of counts or for many at once.

They use only the members whose class is known. Noise is never right for accuracy and purity; for the other
scores, which compare two partitions, all noise members are one cluster of their own.

Each function takes tables, float64, shape (n_tables, n_classes, n_clusters), of whole numbers: the members of
each class in each cluster, at least one in a table, rows and columns of zeros allowed; and returns float64,
shape (n_tables,), NaN where the score is undefined. A table counts a member that was drawn twice twice.

The examples judge two classes of four members each, the first of which is split over both clusters.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from octcluster_clusterer.scoring.chance import expect_mutual_information
from octcluster_clusterer.scoring.matching import match

Tables = NDArray[np.float64]
Values = NDArray[np.float64]
_ROUNDING = 1e-12


def accuracy(tables: Tables, n_members: Values) -> Values:
    """Share of the members that lie in the cluster matched with their class, under the best one-to-one match.

    0 to 1, best 1. Classes and clusters may differ in number: those left over match nothing.

    Args:
        tables: The counts without noise, which matches nothing.
        n_members: float64, shape (n_tables,): the members with noise.

    References:
        Kuhn, "The Hungarian method for the assignment problem", 1955; see ``matching``.

    Examples:
        >>> table = np.array([[[3.0, 1.0], [0.0, 4.0]]])
        >>> accuracy(table, np.array([8.0])).tolist()
        [0.875]

        Two more members that are noise match nothing:

        >>> accuracy(table, np.array([10.0])).tolist()
        [0.7]
    """
    return np.array([table[match(table)].sum() for table in tables]) / n_members


def purity(tables: Tables, n_members: Values) -> Values:
    """Share of the members that are of the most frequent class in their cluster.

    Above 0 to 1, best 1, which many small clusters reach too easily. Noise members count as not of that
    class.

    Args:
        tables: The counts without noise.
        n_members: float64, shape (n_tables,): the members with noise.

    References:
        Manning, Raghavan and Schuetze, "Introduction to Information Retrieval", 2008, section 16.3.

    Examples:
        >>> purity(np.array([[[3.0, 1.0], [0.0, 4.0]]]), np.array([8.0])).tolist()
        [0.875]

        A cluster for each member is pure, whatever it is worth, so that ``scoring`` leaves it undefined:

        >>> purity(np.array([[[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]]), np.array([4.0])).tolist()
        [1.0]
    """
    return np.asarray(tables.max(axis=1).sum(axis=1) / n_members)


def adjusted_rand_index(tables: Tables) -> Values:
    """Share of the pairs on which classes and clusters agree, corrected for chance.

    -0.5 to 1, best 1; 0 is expected by chance, and is the value of a single cluster of several classes.
    1 if classes and clusters are the same partition, also one of a single part or of single members.

    References:
        Hubert and Arabie, "Comparing partitions", 1985, doi:10.1007/BF01908075.

    Examples:
        >>> adjusted_rand_index(np.array([[[3.0, 1.0], [0.0, 4.0]]])).round(3).tolist()
        [0.495]
        >>> adjusted_rand_index(np.array([[[4.0], [4.0]]])).tolist()
        [0.0]
    """
    together, in_classes, in_clusters = _count_pairs(tables)
    n_members = tables.sum(axis=(1, 2))
    pairs = np.maximum(n_members * (n_members - 1), 1)
    expected = in_classes * in_clusters / pairs
    largest = (in_classes + in_clusters) / 2
    same = (together == in_classes) & (together == in_clusters)
    return np.where(same, 1.0, (together - expected) / np.where(same, 1.0, largest - expected))


def adjusted_mutual_information(tables: Tables, expected: Values | None = None) -> Values:
    """Mutual information of classes and clusters, as a share of their mean entropy, corrected for chance.

    At most 1, best 1; 0 is expected by chance, and it can be a little below. 1 if classes and clusters are
    the same partition, also one of a single part or of single members.

    Args:
        tables: The counts.
        expected: float64, shape (n_tables,): what is expected by chance; None to compute it.

    References:
        Vinh, Epps and Bailey, "Information theoretic measures for clusterings comparison", JMLR 2010.

    Examples:
        >>> adjusted_mutual_information(np.array([[[3.0, 1.0], [0.0, 4.0]]])).round(3).tolist()
        [0.5]

        Clusters of one member each tell no more than chance does:

        >>> alone = adjusted_mutual_information(np.array([[[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]]))
        >>> abs(alone).round(3).tolist()
        [0.0]
    """
    rows, columns = tables.sum(axis=2), tables.sum(axis=1)
    if expected is None:
        expected = expected_information(tables)
    return adjust_for_chance(mutual_information(tables), expected, (_entropy(rows) + _entropy(columns)) / 2)


def expected_information(tables: Tables) -> Values:
    """Mutual information of random tables with the same margins, on average, in nats; see ``chance``.

    0, for a single class or cluster, to the smaller of both entropies.

    References:
        Vinh, Epps and Bailey, "Information theoretic measures for clusterings comparison", JMLR 2010.

    Examples:
        >>> expected_information(np.array([[[3.0, 1.0], [0.0, 4.0]]])).round(3).tolist()
        [0.083]
    """
    rows, columns = tables.sum(axis=2), tables.sum(axis=1)
    return expect_mutual_information(rows[:, :, np.newaxis], columns[:, np.newaxis]).sum(axis=(1, 2))


def adjust_for_chance(information: Values, expected: Values, largest: Values) -> Values:
    """Scales mutual information so that 0 is what is expected by chance and 1 the largest possible.

    At most 1, best 1. Where chance alone reaches the largest, it is 1 for the largest and 0 for less.

    Args:
        information: float64, shape (n_tables,): what was found, in nats.
        expected: float64, shape (n_tables,): what is expected by chance.
        largest: float64, shape (n_tables,): what is possible.

    References:
        Vinh, Epps and Bailey, "Information theoretic measures for clusterings comparison", JMLR 2010.

    Examples:
        >>> adjust_for_chance(np.array([0.5, 0.25]), np.array([0.25, 0.25]), np.array([0.75, 0.75])).tolist()
        [0.5, 0.0]
    """
    room = largest - expected
    # Two partitions of one part each, or of single members each, are the same partition.
    trivial = room < _ROUNDING
    return np.where(
        trivial,
        np.where(information > largest - _ROUNDING, 1.0, 0.0),
        (information - expected) / np.where(trivial, 1.0, room),
    )


def mutual_information(tables: Tables) -> Values:
    """Mutual information of classes and clusters, in nats.

    0, for a single class or cluster or where neither tells of the other, to the smaller of both entropies.

    References:
        Cover and Thomas, "Elements of Information Theory", 2006, section 2.3.

    Examples:
        >>> tables = np.array([[[3.0, 1.0], [0.0, 4.0]], [[2.0, 2.0], [2.0, 2.0]]])
        >>> mutual_information(tables).round(3).tolist()
        [0.38, 0.0]
    """
    together = _entropy(tables.reshape(len(tables), -1))
    return np.maximum(_entropy(tables.sum(axis=2)) + _entropy(tables.sum(axis=1)) - together, 0)


def homogeneity(tables: Tables) -> Values:
    """How nearly each cluster holds members of one class only, by conditional entropy.

    0 to 1, best 1, which clusters of one member each reach too; 0 for a single cluster of several classes,
    1 for a single class.

    References:
        Rosenberg and Hirschberg, "V-measure", EMNLP 2007.

    Examples:
        >>> homogeneity(np.array([[[3.0, 1.0], [0.0, 4.0]]])).round(3).tolist()
        [0.549]
        >>> homogeneity(np.array([[[4.0], [4.0]]])).tolist()
        [0.0]
    """
    return _share(mutual_information(tables), _entropy(tables.sum(axis=2)))


def completeness(tables: Tables) -> Values:
    """How nearly all members of each class lie in one cluster, by conditional entropy.

    0 to 1, best 1, which a single cluster reaches too; 0 for a single class in several clusters.

    References:
        Rosenberg and Hirschberg, "V-measure", EMNLP 2007.

    Examples:
        >>> completeness(np.array([[[3.0, 1.0], [0.0, 4.0]]])).round(3).tolist()
        [0.575]
        >>> completeness(np.array([[[4.0], [4.0]]])).tolist()
        [1.0]
    """
    return _share(mutual_information(tables), _entropy(tables.sum(axis=1)))


def v_measure(tables: Tables) -> Values:
    """Harmonic mean of homogeneity and completeness.

    0 to 1, best 1; 0 for a single cluster of several classes, 1 for one of a single class. Equal to mutual
    information as a share of the mean (arithmetic) entropy of classes and clusters, which is the normalized
    mutual information. Not corrected for chance: grows with the number of clusters.

    References:
        Rosenberg and Hirschberg, "V-measure", EMNLP 2007; Strehl and Ghosh, "Cluster ensembles", JMLR 2002.

    Examples:
        >>> v_measure(np.array([[[3.0, 1.0], [0.0, 4.0]]])).round(3).tolist()
        [0.562]
        >>> v_measure(np.array([[[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]])).round(3).tolist()
        [0.667]
    """
    mean_entropy = (_entropy(tables.sum(axis=2)) + _entropy(tables.sum(axis=1))) / 2
    return _share(mutual_information(tables), mean_entropy)


def fowlkes_mallows(tables: Tables) -> Values:
    """Geometric mean of precision and recall over pairs: those in one cluster, and those of one class.

    0 to 1, best 1. Undefined if no two members share a class, or no two share a cluster: then there is no
    pair to judge.

    References:
        Fowlkes and Mallows, "A method for comparing two hierarchical clusterings", 1983, doi:10.2307/2288117.

    Examples:
        >>> fowlkes_mallows(np.array([[[3.0, 1.0], [0.0, 4.0]]])).round(3).tolist()
        [0.721]
        >>> fowlkes_mallows(np.array([[[1.0, 1.0], [0.0, 0.0]]])).tolist()
        [nan]
    """
    together, in_classes, in_clusters = _count_pairs(tables)
    pairs = np.sqrt(in_classes) * np.sqrt(in_clusters)
    return np.where(pairs > 0, together / np.where(pairs > 0, pairs, 1.0), np.nan)


def _count_pairs(tables: Tables) -> tuple[Values, Values, Values]:
    """Ordered pairs of members: of one class and cluster, of one class, of one cluster."""
    return (
        (tables * (tables - 1)).sum(axis=(1, 2)),
        (tables.sum(axis=2) * (tables.sum(axis=2) - 1)).sum(axis=1),
        (tables.sum(axis=1) * (tables.sum(axis=1) - 1)).sum(axis=1),
    )


def _entropy(counts: NDArray[np.float64]) -> Values:
    """float64, shape (n_tables,), in nats, of counts of shape (n_tables, n_parts)."""
    n_members = counts.sum(axis=1)
    return np.maximum(np.log(n_members) - xlogy(counts, counts).sum(axis=1) / n_members, 0)


def _share(information: Values, entropy: Values) -> Values:
    """Shares of entropies; 1 where there is no entropy to share in."""
    nothing = entropy < _ROUNDING
    return np.where(nothing, 1.0, np.minimum(information / np.where(nothing, 1.0, entropy), 1))
