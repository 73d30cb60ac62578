"""How many clusters to look for, as people write it."""

import re


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
    if not 2 <= smallest <= largest:
        raise ValueError(f"'{text}' cannot be used: the least is 2, and a range goes upwards, as in 2:10")
    return smallest, largest
