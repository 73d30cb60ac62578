"""What the clusters go with: the class, as they should, or the patient or the image's size."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.special import xlogy

from octcluster_clusterer.model import Association, Members, Score
from octcluster_clusterer.scoring.agreement import adjust_for_chance
from octcluster_clusterer.scoring.chance import expect_mutual_information


def find_associations(labels: NDArray[np.int32], members: Members) -> list[Association]:
    """Measures how much the clusters and other groupings of the members tell of each other.

    The more groups of few members there are, the larger the mutual information is by chance alone: with one
    member in each group, it is the clusters' whole entropy. The adjusted one takes chance out; compare that.

    Args:
        labels: int32, shape (n_members,): clusters from 0, -1 for noise, which counts as one cluster.
        members: The members: class, patient and each number column are a row each, as far as they are known.

    Returns:
        Rows for ``class``, ``patient`` and the number columns by name: the mutual information in nats, at
        least 0, and the adjusted one, at most 1, with 0 for chance. The latter is undefined where nothing is
        known, all members are the same, each is alone in its cluster, or all are noise. A column is cut into
        as many ranges of about equal size as there are clusters, at least 2; equal values stay together.

    References:
        Cover and Thomas, "Elements of Information Theory", 2006, section 2.3; Vinh, Epps and Bailey,
        "Information theoretic measures for clusterings comparison", JMLR 2010.

    Examples:
        >>> members = Members(
        ...     image_keys=np.zeros((4, 32), dtype=np.uint8),
        ...     class_indices=np.array([0, 0, 1, 1]),
        ...     number_columns={"width": np.array([512, 512, 512, 512], dtype=np.float32)},
        ... )
        >>> by_class, by_width = find_associations(np.array([0, 0, 1, 1]), members)
        >>> by_class.name, round(by_class.mutual_information, 3), by_class.adjusted_mutual_information.value
        ('class', 0.693, 1.0)
        >>> by_width.adjusted_mutual_information.undefined_reason
        'it is the same for all images'
    """
    n_ranges = max(int(labels.max(initial=-1)) + 1, 2)
    columns = {"class": members.class_indices, "patient": members.patient_indices}
    columns |= {
        name: cut_into_ranges(values, n_ranges) for name, values in sorted(members.number_columns.items())
    }
    return [_associate(name, labels, parts) for name, parts in columns.items() if parts is not None]


def cut_into_ranges(values: NDArray[np.float32], n_ranges: int) -> NDArray[np.int32]:
    """Cuts numbers into ranges of about equal size.

    Each cut lies between two different values, the nearest such place to where it should be.

    Args:
        values: float32, shape (n_members,), NaN unknown.
        n_ranges: Number of ranges wanted.

    Returns:
        int32, shape (n_members,): ranges from 0, fewer where values are equal; -1 for unknown.

    Examples:
        >>> cut_into_ranges(np.array([5, 1, 2, 5, np.nan], dtype=np.float32), 2).tolist()
        [1, 0, 0, 1, -1]
    """
    ranges = np.full(values.size, -1, dtype=np.int32)
    known = ~np.isnan(values)
    _, positions, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    cuts = np.cumsum(counts)[:-1]
    if not cuts.size:
        ranges[known] = 0
        return ranges
    wanted = positions.size * np.arange(1, n_ranges) / n_ranges
    after = np.minimum(np.searchsorted(cuts, wanted), cuts.size - 1)
    before = np.maximum(after - 1, 0)
    chosen = np.unique(np.where(wanted - cuts[before] < cuts[after] - wanted, before, after))
    ranges[known] = np.searchsorted(chosen, positions)
    return ranges


def _associate(name: str, labels: NDArray[np.int32], parts: NDArray[np.int32]) -> Association:
    known = parts >= 0
    n_members = int(np.count_nonzero(known))
    if n_members == 0:
        return Association(name, 0.0, Score(undefined_reason="it is known of no image"), 0)
    rows, row_numbers = np.unique(parts[known], return_inverse=True)
    columns, column_numbers = np.unique(labels[known], return_inverse=True)
    table = coo_matrix((np.ones(n_members), (row_numbers, column_numbers)), (rows.size, columns.size)).tocsr()
    row_sums, column_sums = (np.asarray(table.sum(axis=axis)).ravel() for axis in (1, 0))
    entropy, other_entropy = _entropy(row_sums), _entropy(column_sums)
    information = max(entropy + other_entropy - _entropy(table.data), 0.0)
    if rows.size == 1:
        score = Score(undefined_reason="it is the same for all images")
    elif not (columns >= 0).any():
        score = Score(undefined_reason="no cluster was found: every image is noise")
    elif columns.size == n_members:
        score = Score(undefined_reason="no two images share a cluster")
    else:
        # Groups of one size are expected to add the same.
        sizes, repeats = np.unique(row_sums, return_counts=True)
        expected = repeats @ expect_mutual_information(sizes[:, np.newaxis], column_sums).sum(axis=1)
        largest = (entropy + other_entropy) / 2
        score = Score(float(adjust_for_chance(*np.array([[information], [expected], [largest]]))[0]))
    return Association(name, information, score, n_members)


def _entropy(counts: NDArray[np.float64]) -> float:
    total = counts.sum()
    return float(np.log(total) - xlogy(counts, counts).sum() / total)
