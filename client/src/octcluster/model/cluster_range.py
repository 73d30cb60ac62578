"""How many clusters to look for, as people write it."""

import re

from octcluster.model.errors import InvalidArguments


def read_cluster_range(text: str) -> tuple[int, int]:
    """Reads ``4`` or ``2:10`` as smallest and largest number of clusters.

    Raises:
        ValueError: It is neither; the message says what to write.
    """
    match = re.fullmatch(r"(\d+)(?::(\d+))?", text)
    if match is None:
        raise ValueError(f"'{text}' is no number of clusters: write 4, or 2:10 for a range")
    smallest = int(match[1])
    largest = int(match[2] or smallest)
    if smallest < 2:
        raise ValueError(f"'{text}' cannot be used: 2 clusters are the least: write 2 or more, as in 2:10")
    if smallest > largest:
        raise ValueError(f"'{text}' cannot be used: a range goes upwards, as in {largest}:{smallest}")
    return smallest, largest


def as_cluster_range(k: int | str | tuple[int, int]) -> tuple[int, int]:
    """The smallest and the largest number of clusters, from 4, "4", "2:10" or (2, 10).

    Raises:
        InvalidArguments: It is none of these, or cannot be used; the message says what to write.
    """
    if isinstance(k, str | int):
        text = str(k)
    elif isinstance(k, tuple) and len(k) == 2:
        text = f"{k[0]}:{k[1]}"
    else:
        raise InvalidArguments(f"{k!r} is no number of clusters: give 4, (2, 10) or '2:10'")
    try:
        return read_cluster_range(text)
    except ValueError as error:
        raise InvalidArguments(f"k: {error}") from error
