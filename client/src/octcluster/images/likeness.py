"""Which images look the same: a fingerprint of what is seen, and the search for those that hardly differ.

The fingerprint follows the difference hash (N. Krawetz, "Kind of like that", 2013): is a cell of the image,
one of 16 x 16, brighter than the one to its left, or darker? Cells that differ by one grey level at most say
neither: a gamma of 2.2 makes the dark half of a scan one black, in which bits would only tell of rounding.
Two images are compared in those cells that say something in both. Any two of 516 images of OCT2017 contradict
each other in 7.7% of these cells or more (half of the pairs in 48%). Copies do in 4.2% at most: compressed
at quality 30, scaled by 0.5 to 2, brighter, darker, of other contrast, or of a gamma from 0.45 to 2.2.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

MAX_DIFFERENCE = 0.05
_SIDE = 16
_CELLS = _SIDE * _SIDE
_LEAST_COMPARABLE = 32
_MAX_CONTRADICTIONS = int(MAX_DIFFERENCE * _CELLS)
_EQUAL = 128
_IS_BRIGHTER = bytes(b"01"[value > _EQUAL] for value in range(256))
_IS_BRIGHTER_BY_TWO = bytes(b"01"[value > _EQUAL + 1] for value in range(256))
_IS_DARKER_BY_TWO = bytes(b"01"[value < _EQUAL - 1] for value in range(256))
_ROWS = 2 * _SIDE
_ROW_BYTES = _SIDE // 8
_FLAT_ROWS = (bytes(_ROW_BYTES), b"\xff" * _ROW_BYTES)
_PAIRS_KEPT = 200_000
_MOST_COMPARED = 4000


class Fingerprint(NamedTuple):
    """What is seen of an image.

    Attributes:
        rows: Whether each of 16 x 32 smaller cells is brighter than its left neighbour: _ROW_BYTES a row.
        brighter: _CELLS bits, set where a cell is brighter by two grey levels or more.
        darker: The same where it is darker.
    """

    rows: bytes
    brighter: int
    darker: int


class Likeness(NamedTuple):
    """Two images, by position, and the share of the cells in which they contradict each other."""

    difference: float
    first: int
    second: int


def fingerprint(cells: Any) -> Fingerprint:
    """Takes the fingerprint of an image.

    Args:
        cells: Its sketch; see ``sketch.draw_cells``.

    Returns:
        The fingerprint.
    """
    from PIL import Image, ImageChops  # noqa: PLC0415

    def subtract_left(n_rows: int) -> bytes:
        small = cells.resize((_SIDE + 1, n_rows), Image.Resampling.BOX)
        left, right = small.crop((0, 0, _SIDE, n_rows)), small.crop((1, 0, _SIDE + 1, n_rows))
        return ImageChops.subtract(right, left, offset=_EQUAL).tobytes()

    differences = subtract_left(_SIDE)
    return Fingerprint(
        _pack(subtract_left(_ROWS), _IS_BRIGHTER).to_bytes(_ROWS * _ROW_BYTES),
        _pack(differences, _IS_BRIGHTER_BY_TWO),
        _pack(differences, _IS_DARKER_BY_TWO),
    )


def _pack(differences: bytes, bits: bytes) -> int:
    """A bit for each difference."""
    return int(differences.translate(bits), 2)


def compare(first: Fingerprint, second: Fingerprint) -> float:
    """Share of the cells in which two fingerprints contradict each other; 1 if too few say anything."""
    comparable = ((first.brighter | first.darker) & (second.brighter | second.darker)).bit_count()
    if comparable < _LEAST_COMPARABLE:
        return 1.0
    contradictions = (first.brighter & second.darker | first.darker & second.brighter).bit_count()
    return contradictions / comparable


def find_likenesses(
    fingerprints: Sequence[Fingerprint | None], on_progress: Callable[[int, int], None]
) -> list[Likeness]:
    """Finds the images whose fingerprints contradict each other in at most MAX_DIFFERENCE of their cells.

    Two fingerprints are compared if they agree in one of their rows, which nearly all changed copies did; a
    row without any contrast does not count, and of more than _MOST_COMPARED images that agree in the same row
    only those are compared that are so near in the order. Many images that are alike, as those of one volume,
    would make a pair of every two: found are only as many pairs as join them, the most alike first, at most
    one less than there are images (a minimum spanning forest).

    Args:
        fingerprints: What ``fingerprint`` returned, None for images to leave out.
        on_progress: Told how many rows have been searched, and how many there are.

    Returns:
        The pairs, the most alike first, equal ones in the order of their positions.
    """
    positions: dict[Fingerprint, list[int]] = {}
    for position, value in enumerate(fingerprints):
        if value is not None:
            positions.setdefault(value, []).append(position)
    pairs = [
        Likeness(0.0, equal[0], other)
        for value, equal in positions.items()
        if compare(value, value) == 0
        for other in equal[1:]
    ]
    for row in range(_ROWS):
        on_progress(row, _ROWS)
        for bucket in _gather_by_row(positions, row):
            for first, second in _find_candidates(bucket):
                difference = compare(first, second)
                if difference <= MAX_DIFFERENCE:
                    pairs.append(Likeness(difference, positions[first][0], positions[second][0]))
            if len(pairs) > _PAIRS_KEPT + len(fingerprints):
                pairs = span(pairs)
    on_progress(_ROWS, _ROWS)
    return span(pairs)


def _gather_by_row(values: Iterable[Fingerprint], row: int) -> Iterable[list[Fingerprint]]:
    """The fingerprints that agree with others in a row."""
    start = row * _ROW_BYTES
    buckets: dict[bytes, list[Fingerprint]] = {}
    for value in values:
        own = value.rows[start : start + _ROW_BYTES]
        if own not in _FLAT_ROWS:
            buckets.setdefault(own, []).append(value)
    return [bucket for bucket in buckets.values() if len(bucket) > 1]


def _find_candidates(bucket: Sequence[Fingerprint]) -> Iterable[tuple[Fingerprint, Fingerprint]]:
    """Pairs with so few contradictions that they may be alike: one operation on long numbers tells."""
    crossed = [value.darker << _CELLS | value.brighter for value in bucket]
    for index, first in enumerate(bucket):
        own = first.brighter << _CELLS | first.darker
        others = crossed[index + 1 : index + 1 + _MOST_COMPARED]
        found = [at for at, other in enumerate(others) if (own & other).bit_count() <= _MAX_CONTRADICTIONS]
        yield from ((first, bucket[index + 1 + at]) for at in found)


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
