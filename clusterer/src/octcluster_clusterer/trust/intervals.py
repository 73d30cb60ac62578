"""How far the scores would move with other patients: the bootstrap over patients.

Images of one patient are alike, so that an interval over images would be too narrow. As many patients as
there are get drawn with replacement, each with all its members, and the clusters stay as they were found: the
intervals hold the chance in who was examined, not that in the clustering (``stability`` has that).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from octcluster_clusterer.model import ClusteringResult, Contingency, Interval, Score, Scores
from octcluster_clusterer.scoring import compare_with_classes
from octcluster_clusterer.scoring.agreement import expected_information
from octcluster_clusterer.tiles import count_threads, map_in_order, slices

RESAMPLES = 1000
LEVELS = (2.5, 97.5)
_WEIGHTS_AT_ONCE = 2**20
_MAX_CELLS = 2**12
"""Larger tables of classes and clusters get no interval: they cost too much, and nobody reads them."""
_LEAST_DEFINED = 0.9
"""Share of the resamples in which a score must be defined."""

Draws = dict[str, NDArray[np.float64]]


def add_intervals(
    results: Sequence[ClusteringResult],
    class_indices: NDArray[np.int32] | None,
    patients: NDArray[np.int64],
    seed: int,
    report_share: Callable[[float], None],
) -> list[Scores]:
    """Finds 95% percentile intervals of all scores of all results.

    Each resample is a weight for each patient, and its tables of classes and clusters are weighted sums of
    those of the patients: the cost is that of the tables, not of the members. All results share the
    resamples. The mutual information expected by chance, which hardly depends on the margins and is nearly
    all of the work, is taken from the table of all members.

    Args:
        results: What was found.
        class_indices: int32, shape (n_members,): known classes, -1 unknown; None if none is known.
        patients: int64, shape (n_members,): numbers from 0, without gaps.
        seed: Seed of the resamples.
        report_share: Called often with the share that is done.

    Returns:
        The scores of each result with their intervals, moved so that the middle of the resamples is the
        score, and at least as wide as that of an estimate. There is none where a score is undefined, in a
        tenth of the resamples too; where fewer than two patients have a class (the silhouette: where there
        are fewer than two patients); or where classes times clusters exceed 4096.

    References:
        Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3; Field and Welsh,
        "Bootstrapping clustered data", 2007, doi:10.1111/j.1467-9868.2007.00593.x.

    Examples:
        >>> from octcluster_clusterer import model, scoring
        >>> labels, classes = np.array([0] * 10 + [1] * 10), np.array([0] * 8 + [1] * 12)
        >>> silhouettes = np.full(20, 0.5, dtype=np.float32)
        >>> scores, table = scoring.score(labels, silhouettes, classes)
        >>> result = ClusteringResult(
        ...     model.Algorithm.KMEANS, 2, labels, silhouettes, scores, table, 0.0, np.zeros(20), np.arange(2)
        ... )
        >>> (found,) = add_intervals([result], classes, np.arange(20), 0, lambda share: None)
        >>> accuracy = found.accuracy
        >>> round(accuracy.interval.low, 3), accuracy.value, round(accuracy.interval.high, 3)
        (0.75, 0.9, 1.0)
    """
    n_patients = int(patients.max()) + 1
    if n_patients < 2:
        return [result.scores for result in results]
    measures = [_Resampled(result, class_indices, patients, n_patients) for result in results]
    chunks = slices(RESAMPLES, _count_at_once(n_patients))
    # Each chunk has its own seed: the same draws on any number of threads.
    seeds = np.random.SeedSequence(seed).spawn(len(chunks))

    def measure_chunk(i: int) -> list[Draws]:
        weights = _draw_weights(n_patients, chunks[i].stop - chunks[i].start, seeds[i])
        return [measure(weights) for measure in measures]

    draws: list[list[Draws]] = [[] for _ in results]
    for i, found in map_in_order(measure_chunk, range(len(chunks))):
        for of_result, one in zip(draws, found, strict=True):
            of_result.append(one)
        report_share((i + 1) / len(chunks))
    return [_add_to_scores(result.scores, found) for result, found in zip(results, draws, strict=True)]


def estimate_bytes(n_patients: int) -> int:
    """Estimates the memory at work: each thread's weights, with the draws of one resample."""
    return 8 * count_threads() * n_patients * (_count_at_once(n_patients) + 2)


def _count_at_once(n_patients: int) -> int:
    """Number of resamples that are measured together."""
    return min(max(_WEIGHTS_AT_ONCE // n_patients, 10), 100)


def _draw_weights(n_patients: int, n_resamples: int, seed: np.random.SeedSequence) -> NDArray[np.float64]:
    """float64, shape (n_patients, n_resamples): how often each patient was drawn."""
    random = np.random.default_rng(seed)
    weights = np.empty((n_patients, n_resamples))
    for i in range(n_resamples):
        weights[:, i] = np.bincount(random.integers(0, n_patients, n_patients), minlength=n_patients)
    return weights


class _Resampled:
    """The scores of one result as functions of the patients' weights."""

    def __init__(
        self,
        result: ClusteringResult,
        class_indices: NDArray[np.int32] | None,
        patients: NDArray[np.int64],
        n_patients: int,
    ) -> None:
        self._contingency = result.contingency
        self._cells: csr_matrix | None = None
        if class_indices is not None and result.contingency is not None:
            self._cells = _count_cells(result, result.contingency, class_indices, patients, n_patients)
        if self._cells is not None and result.contingency is not None:
            counts = result.contingency.counts[np.newaxis].astype(np.float64)
            self._expected = expected_information(counts)[0] * counts.sum()
        found = ~np.isnan(result.silhouettes)
        self._silhouettes: csr_matrix | None = None
        if found.any():
            owners = patients[found]
            sums = np.bincount(owners, result.silhouettes[found].astype(np.float64), n_patients)
            self._silhouettes = csr_matrix(np.stack([sums, np.bincount(owners, minlength=n_patients)]))

    def __call__(self, weights: NDArray[np.float64]) -> Draws:
        """Scores, by name, float64, shape (n_resamples,), NaN where undefined."""
        draws: Draws = {}
        if self._silhouettes is not None:
            sums, counts = self._silhouettes @ weights
            draws["silhouette"] = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
        if self._cells is not None and self._contingency is not None:
            counted = (self._cells @ weights).T.reshape(-1, *self._contingency.counts.shape)
            some = counted.sum(axis=(1, 2)) > 0
            members = counted[some].sum(axis=(1, 2))
            compared = compare_with_classes(
                counted[some], self._contingency.clusters, self._expected / members
            )
            for name, values in compared.items():
                draws[name] = np.full(len(counted), np.nan)
                draws[name][some] = values
        return draws


def _count_cells(
    result: ClusteringResult,
    contingency: Contingency,
    class_indices: NDArray[np.int32],
    patients: NDArray[np.int64],
    n_patients: int,
) -> csr_matrix | None:
    """Shape (n_classes * n_clusters, n_patients): the members of each patient in each cell of the table.

    None if the table is too large or fewer than two patients have a class.
    """
    known = class_indices >= 0
    if contingency.counts.size > _MAX_CELLS or np.unique(patients[known]).size < 2:
        return None
    rows = np.searchsorted(contingency.class_indices, class_indices[known])
    columns = np.searchsorted(contingency.clusters, result.labels[known])
    cells = rows * contingency.clusters.size + columns
    ones = np.ones(cells.size)
    return csr_matrix((ones, (cells, patients[known])), shape=(contingency.counts.size, n_patients))


def _add_to_scores(scores: Scores, draws: Sequence[Draws]) -> Scores:
    changed: Mapping[str, Score] = {
        field.name: _add_interval(
            getattr(scores, field.name), np.concatenate([chunk[field.name] for chunk in draws])
        )
        for field in fields(scores)
        if field.name in draws[0]
    }
    return replace(scores, **changed)


def _add_interval(score: Score, values: NDArray[np.float64]) -> Score:
    defined = values[~np.isnan(values)]
    if score.value is None or defined.size < _LEAST_DEFINED * values.size:
        return score
    # Members drawn twice look like agreement, the more so in many clusters: the resamples lie a little above.
    moved = np.percentile(defined, LEVELS) + score.value - np.median(defined)
    # No score leaves its range.
    low, high = np.clip(moved, min(defined.min(), score.value), max(defined.max(), score.value))
    if score.interval is not None:  # of an estimate: it holds the chance in the sample
        low, high = min(low, score.interval.low), max(high, score.interval.high)
    return replace(score, interval=Interval(float(low), float(high)))
