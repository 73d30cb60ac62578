"""The choice of one result of a run, without a look at any class.

K-means by genetic search comes so close to its optimum that the shares of the variance that it explains can
be compared between numbers of clusters: while a further cluster takes apart what is apart, it explains much
more of the variance; once it cuts through what belongs together, it explains little more, and about as much
as the next one. And searches in fewer and in more components agree on groups that are there, less on pieces
of them. So the number of clusters is chosen for which the fall of the gain times the agreement is highest.

Some fall is there without any groups, most of all after two clusters. For K-means it is measured on random
vectors. Where the sizes of clusters count, each further cluster costs what it gains by chance, and random
vectors are not needed; there the agreement counts twice, for falls are less far apart.

Each number is compared with one cluster less and one more: those beside the ends of the range are searched
unasked. All other results are chosen among by their silhouettes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.clustering import find_clusters_for_each, hg_means
from octcluster_clusterer.clustering.hg_means import SearchedClusters
from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.model import ClusteringResult

MAX_OTHERS_SHOWN = 9
CLOSE = 0.85
"""A number of clusters with so much of another one's rating may be as good."""
_LARGEST_FALL = 20.0
"""Where one more cluster gains nothing."""


@dataclass(frozen=True)
class Choice:
    """The result that a run chose.

    Attributes:
        index: Its index.
        reason: Why, for people.
        ratings: By index, how well the numbers of clusters suit the members; empty if silhouettes decided.
    """

    index: int
    reason: str
    ratings: Mapping[int, float] = field(default_factory=dict)


def choose(
    results: Sequence[ClusteringResult],
    searches: Sequence[SearchedClusters | None],
    blocks: Blocks,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int] = (),
) -> Choice:
    """Chooses a result and says why.

    Args:
        results: The results, those of one algorithm side by side by rising number of clusters.
        searches: What the search for each result told; None for one that was not searched for.
        blocks: What was clustered.
        seed: Seed of the random vectors and of the searches in them.
        report_step: Called often.
        part_dimensions: Number of values in each part of a vector; empty: a vector is one part.

    Returns:
        The choice.

    References:
        Krzanowski and Lai, "A criterion for determining the number of groups in a data set using
        sum-of-squares clustering", Biometrics 44, 1988, doi:10.2307/2531893: the fall of the gain.
        Tibshirani, Walther and Hastie, "Estimating the number of clusters in a data set via the gap
        statistic", JRSS B 63, 2001, doi:10.1111/1467-9868.00293: the comparison with random vectors.
    """
    choice = _choose(results, searches, blocks, seed, report_step, part_dimensions)
    if searches[choice.index] is None or blocks.n_rows <= hg_means.SEARCHED_MEMBERS:
        return choice
    return replace(
        choice,
        reason=f"{choice.reason}. Clusters were searched for on a random sample of "
        f"{hg_means.SEARCHED_MEMBERS}; then all joined them",
    )


def _choose(
    results: Sequence[ClusteringResult],
    searches: Sequence[SearchedClusters | None],
    blocks: Blocks,
    seed: int,
    report_step: Callable[[], None],
    part_dimensions: Sequence[int],
) -> Choice:
    """Does what ``choose`` does, and leaves out how the clusters were searched for."""
    if len(results) == 1:
        return Choice(0, "the only one asked for")
    known = [search for search in searches if search is not None]
    if len({result.algorithm for result in results}) > 1 or len(known) < len(results):
        return _choose_by_silhouette(results)
    counts = [result.requested_clusters or 0 for result in results]
    by_count = dict(zip(counts, known, strict=True))
    beside = [count for count in (min(counts) - 1, max(counts) + 1) if 1 < count < blocks.n_rows]
    if beside:
        found = find_clusters_for_each(
            results[0].algorithm, blocks, beside, seed, report_step, part_dimensions
        )
        by_count |= {count: search for count, (_, search) in zip(beside, found, strict=True) if search}
    rated = _rate_counts(by_count, blocks, seed, report_step)
    ratings = {count: rated[count] for count in counts if count in rated}
    return _choose_by_rating(counts, ratings) if ratings else _choose_by_silhouette(results)


def _rate_counts(
    searches: Mapping[int, SearchedClusters],
    blocks: Blocks,
    seed: int,
    report_step: Callable[[], None],
) -> dict[int, float]:
    """By number of clusters: the fall of the gain after it times the agreement; see the module.

    Only for those between two others, 1 counted as one of them.
    """
    sizes_count = all(search.sizes_count for search in searches.values())
    n_searches = len(next(iter(searches.values())).explained)
    falls = [
        _find_falls({count: search.explained[i] for count, search in searches.items()}, sizes_count)
        for i in range(n_searches)
    ]
    mean_falls = {
        count: float(np.exp(np.mean([np.log(fall[count]) for fall in falls])))
        for count in searches
        if all(count in fall for fall in falls)
    }
    if sizes_count:
        return {count: fall * searches[count].agreement ** 2 for count, fall in mean_falls.items()}
    by_chance = _find_falls_by_chance(mean_falls, blocks, seed, report_step) if mean_falls else {}
    return {
        count: fall / by_chance[count] * searches[count].agreement
        for count, fall in mean_falls.items()
        if count in by_chance
    }


def _find_falls(explained: Mapping[int, float], sizes_count: bool) -> dict[int, float]:
    """The gain in explained variance by each number of clusters, over the gain by one more.

    Only for those between two others, and where both gains are above 0; but where sizes count, one more
    cluster may gain nothing.
    """
    explained = {1: 0.0, **explained}
    falls = {}
    for count, share in explained.items():
        if count - 1 in explained and count + 1 in explained:
            gain, next_gain = share - explained[count - 1], explained[count + 1] - share
            if sizes_count:
                next_gain = max(next_gain, gain / _LARGEST_FALL)
            if gain > 0 and next_gain > 0:
                falls[count] = gain / next_gain
    return falls


def _find_falls_by_chance(
    judged: Iterable[int], blocks: Blocks, seed: int, report_step: Callable[[], None]
) -> dict[int, float]:
    """The falls in random vectors without any groups."""
    scattered = MemoryBlocks(_scatter(blocks, seed, report_step))
    near = sorted({near for count in judged for near in (count - 1, count, count + 1)} - {1})
    return _find_falls(
        {
            count: hg_means.search(scattered, count, seed, report_step, (blocks.dimension,)).explained[0]
            for count in near
        },
        sizes_count=False,
    )


def _scatter(blocks: Blocks, seed: int, report_step: Callable[[], None]) -> NDArray[np.float32]:
    """Random vectors without any groups: as many as are searched, as long as the members', mean 0."""
    random = np.random.default_rng(seed)
    lengths = np.concatenate([own for _, own in blocks.map(find_lengths, report_step=report_step)])
    if len(lengths) > hg_means.SEARCHED_MEMBERS:
        lengths = random.choice(lengths, hg_means.SEARCHED_MEMBERS, replace=False)
    scattered = random.standard_normal((lengths.size, blocks.dimension), dtype=np.float32)
    scattered *= (lengths / find_lengths(scattered, report_step=report_step))[:, np.newaxis]
    scattered -= scattered.mean(axis=0)
    return scattered


def find_lengths(block: NDArray[np.float32], *, report_step: Callable[[], None]) -> NDArray[np.float32]:
    """float32, shape (n_rows,): Euclidean lengths of vectors."""
    report_step()
    lengths: NDArray[np.float32] = np.sqrt(np.einsum("ij,ij->i", block, block))
    return lengths


def _choose_by_rating(counts: Sequence[int], ratings: Mapping[int, float]) -> Choice:
    ranking = sorted(ratings, key=lambda count: -round(ratings[count], 6))
    best, others = ranking[0], ranking[1:]
    close = sorted(count for count in others if ratings[count] >= CLOSE * ratings[best])
    shown = {count: f"{rating:.2f}" for count, rating in ratings.items()}
    if not others:
        sentence = f"{best} is the only number of clusters that can be rated"
    elif close:
        near = sorted([best, *close])
        sentence = (
            f"the number of clusters is not sure: {_enumerate(near)} suit the images nearly alike (ratings "
            f"{', '.join(shown[count] for count in near)}). {best} was taken; look at the others, too"
        )
    else:
        following = [count for count in others if ratings[count] >= CLOSE * ratings[others[0]]]
        sentence = (
            f"{best} clusters suit the images best (rating {shown[best]}); {_enumerate(following)} come next "
            f"({', '.join(shown[count] for count in following)})"
        )
    unrated = [count for count in counts if count not in ratings]
    figures = ", ".join(f"k = {count}: {rating}" for count, rating in shown.items())
    return Choice(
        counts.index(best),
        f"{sentence}. All ratings: {figures}; a rating is the fall of the gain in explained variance after "
        "that number of clusters, times the agreement of the searches"
        + (f". k = {_enumerate(unrated)} cannot be rated" if unrated else ""),
        {counts.index(count): rating for count, rating in ratings.items()},
    )


def _enumerate(counts: Sequence[int]) -> str:
    *others, last = counts
    return f"{', '.join(map(str, others))} and {last}" if others else str(last)


def _choose_by_silhouette(results: Sequence[ClusteringResult]) -> Choice:
    """Chooses the result with the highest mean silhouette (the first of equals) and says why.

    Noise counts as 0 here: else few members in dense spots would beat a clustering of all.
    """
    values = [_average_silhouette(result) for result in results]
    # Rounded: equal groupings at different places of a matrix product differ in their last digits.
    defined = [i for i, value in enumerate(values) if value is not None]
    ranking = sorted(defined, key=lambda i: -round(values[i] or 0.0, 6))
    if not ranking:
        reason = results[0].scores.silhouette.undefined_reason
        return Choice(0, f"the first one: no result has a silhouette ({reason})")
    one_algorithm = len({result.algorithm for result in results}) == 1
    ranking += [i for i, value in enumerate(values) if value is None]
    shown = [
        f"{_name(results[i], one_algorithm)}: {'undefined' if values[i] is None else f'{values[i]:.3f}'}"
        for i in sorted(ranking[1 : MAX_OTHERS_SHOWN + 1])
    ]
    if len(ranking) - 1 > MAX_OTHERS_SHOWN:
        shown.append(f"{len(ranking) - 1 - MAX_OTHERS_SHOWN} more below")
    has_noise = any((result.labels < 0).any() for result in results)
    best = ranking[0]
    return Choice(
        best,
        f"{_name(results[best], one_algorithm)} has the highest mean silhouette, {values[best]:.3f} "
        f"({', '.join(shown)}{'; noise counts as 0' if has_noise else ''})",
    )


def _average_silhouette(result: ClusteringResult) -> float | None:
    """Averages over all members, noise as 0; None if undefined."""
    value = result.scores.silhouette.value
    return None if value is None else value * float(np.mean(result.labels >= 0))


def _name(result: ClusteringResult, one_algorithm: bool) -> str:
    if result.requested_clusters is None:
        return str(result.algorithm)
    return f"{'' if one_algorithm else f'{result.algorithm}, '}k = {result.requested_clusters}"
