"""Which images look the same: a fingerprint of what is seen, and the search for those that hardly differ.

The fingerprint is the difference hash (N. Krawetz, "Kind of like that", 2013) of 16 x 16 bits: is a cell of
the image brighter than the one to its left? Among 516 images of OCT2017 different ones differ in 52 bits or
more (half of all pairs in 119), and copies that were compressed again, scaled or brightened in 35 at most.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from struct import unpack
from typing import Any, NamedTuple

FINGERPRINT_BITS = 256
MAX_DIFFERENT_BITS = 32
_COLUMNS, _ROWS = 16, 16
_FLAT_WORDS = (0, 0xFFFF)
_PAIRS_KEPT = 200_000
_MOST_COMPARED = 4000


class Likeness(NamedTuple):
    """Two images, by position, and the number of bits in which their fingerprints differ."""

    different_bits: int
    first: int
    second: int


def fingerprint(cells: Any) -> int:
    """Takes the fingerprint of an image.

    Args:
        cells: Its sketch; see ``sketch.draw_cells``.

    Returns:
        FINGERPRINT_BITS bits, column by column.
    """
    from PIL import Image  # noqa: PLC0415

    width = _COLUMNS + 1
    values = cells.resize((width, _ROWS), Image.Resampling.BOX).tobytes()
    bits = [
        "1" if values[row * width + column + 1] > values[row * width + column] else "0"
        for column in range(_COLUMNS)
        for row in range(_ROWS)
    ]
    return int("".join(bits), 2)


def find_likenesses(
    fingerprints: Sequence[int | None], on_progress: Callable[[int, int], None]
) -> list[Likeness]:
    """Finds the images whose fingerprints differ in at most MAX_DIFFERENT_BITS bits.

    Two fingerprints are compared if they agree in one of their 16 columns, which nearly all changed copies
    did; a column without any contrast does not count, and of more than _MOST_COMPARED images that agree in
    the same column only those are compared that are so near in the order. Many images that are alike, as
    those of one volume, would make a pair of every two: found are only as many pairs as join them, the most
    alike first, at most one less than there are images (a minimum spanning forest).

    Args:
        fingerprints: What ``fingerprint`` returned, None for images to leave out.
        on_progress: Told how many columns have been searched, and how many there are.

    Returns:
        The pairs, the most alike first, equal ones in the order of their positions.
    """
    positions: dict[int, list[int]] = {}
    for position, value in enumerate(fingerprints):
        if value is not None:
            positions.setdefault(value, []).append(position)
    pairs = [Likeness(0, equal[0], other) for equal in positions.values() for other in equal[1:]]
    words = {value: unpack(">16H", value.to_bytes(32)) for value in positions}
    for column in range(_COLUMNS):
        on_progress(column, _COLUMNS)
        for bucket in _gather_by_column(words, column):
            for index, value in enumerate(bucket):
                pairs += [
                    Likeness((value ^ other).bit_count(), positions[value][0], positions[other][0])
                    for other in bucket[index + 1 : index + 1 + _MOST_COMPARED]
                    if (value ^ other).bit_count() <= MAX_DIFFERENT_BITS
                ]
                if len(pairs) > _PAIRS_KEPT + len(fingerprints):
                    pairs = span(pairs)
    on_progress(_COLUMNS, _COLUMNS)
    return span(pairs)


def _gather_by_column(words: Mapping[int, Sequence[int]], column: int) -> Iterable[list[int]]:
    """The fingerprints that agree in a column, which is one of their 16 words."""
    buckets: dict[int, list[int]] = {}
    for value, columns in words.items():
        if columns[column] not in _FLAT_WORDS:
            buckets.setdefault(columns[column], []).append(value)
    return buckets.values()


def span(pairs: Iterable[Likeness]) -> list[Likeness]:
    """The fewest and most alike pairs that join the same images (Kruskal's minimum spanning forest)."""
    parents: dict[int, int] = {}

    def find(image: int) -> int:
        while (parent := parents.setdefault(image, image)) != image:
            parents[image] = image = parents[parent]
        return image

    kept = []
    for pair in sorted(set(pairs)):
        first, second = find(pair.first), find(pair.second)
        if first != second:
            parents[second] = first
            kept.append(pair)
    return kept
