"""How the optimum of K-means is searched for, and what counts in it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SearchOptions:
    """What a genetic search does; see ``hg_means``.

    Attributes:
        size_weight: What uneven sizes of clusters are worth; see ``cluster_sizes``. 0: K-means.
        population: Groupings that are kept.
        children: Groupings that are bred in each generation.
        patience: Generations without a better grouping after which the search ends.
    """

    size_weight: float = 0.0
    population: int = 24
    children: int = 16
    patience: int = 10


K_MEANS = SearchOptions()
