"""What a search for near-duplicates found, as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass

from octcluster_clusterer.model import Score


@dataclass(frozen=True)
class NearDuplicate:
    """A pair of members of different images with nearly the same vector; the first member is the smaller."""

    first_member: int
    second_member: int
    similarity: float


@dataclass(frozen=True)
class DuplicateSearch:
    """How a search for near-duplicates went that did not compare all pairs.

    Attributes:
        sampled_members: Size of the random sample of members that were compared with all.
        sampled_pairs: Near-duplicates of the sampled members.
        recall: Share of all near-duplicates that the search finds without the sample, 0 to 1: an estimate.
        exceeded: Whether more members were alike than are compared one by one.
    """

    sampled_members: int
    sampled_pairs: int
    recall: Score
    exceeded: bool = False


@dataclass(frozen=True)
class Duplicates:
    """What the search for near-duplicates found; see ``near_duplicates``.

    Attributes:
        pairs: The pairs, most similar first; not more than are kept.
        total_pairs: Number of pairs in all; with ``search`` of those that were found, so there may be more.
        threshold: Least similarity of a pair.
        search: How the search went that did not compare all pairs; None: all were compared.
    """

    pairs: Sequence[NearDuplicate]
    total_pairs: int
    threshold: float
    search: DuplicateSearch | None = None
