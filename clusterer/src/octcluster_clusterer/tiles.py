"""Large matrix products in tiles: in parallel, in little memory, and with the same bits everywhere.

BLAS adds in another order when it has another number of threads, and the last bits of its sums with it. So a
run keeps BLAS to one thread; the parallel work is here instead: tiles of fixed bounds, computed by as many
threads as there are processors, whose results are handed back in a fixed order.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from octcluster_serving.processors import count_processors

from octcluster_clusterer.fixed_tree import FixedTree

TILE_SIDE = 512
_COLUMNS_AT_ONCE = 256
LONGEST_SUM = 2**13
"""Columns that one tile adds up, so that it takes some tenths of a second at most; then sums go up a tree."""
SHORT_TOGETHER = 8
"""How many products of 512 rows with few columns a thread takes at once."""
_MAX_THREADS = 8
_allowed_threads = _MAX_THREADS

Item = TypeVar("Item")
Result = TypeVar("Result")


def slices(length: int, step: int) -> list[slice]:
    """Cuts 0..length into slices of ``step``, the last one shorter."""
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def upper_tiles(side: int) -> list[tuple[slice, slice]]:
    """Lists the tiles (rows, columns) on and above the diagonal of a square matrix, row by row."""
    cuts = slices(side, TILE_SIDE)
    return [(rows, columns) for i, rows in enumerate(cuts) for columns in cuts[i:]]


def count_threads() -> int:
    """Counts the threads that share the work: one for each processor, at most 8 or as many as are allowed."""
    return min(count_processors(), _MAX_THREADS, _allowed_threads)


def limit_threads(most: int) -> None:
    """Has this process share its work among so many threads at most: workers side by side have one each."""
    global _allowed_threads  # noqa: PLW0603
    _allowed_threads = most


def map_in_order(
    function: Callable[[Item], Result], items: Sequence[Item], together: int = 1
) -> Iterator[tuple[Item, Result]]:
    """Applies a function in parallel and yields (item, result) in the items' order.

    Few results wait in memory. When the consumer stops early, what has not begun is dropped.

    Args:
        function: What to apply.
        items: The items. If there are no more than ``together``, the caller's own thread does all.
        together: How many items a thread takes at once: a hand-over between threads costs some 100 µs, and
            so must be rare beside the work.

    Yields:
        Each item with its result.
    """
    n_threads = count_threads()
    if n_threads == 1 or len(items) <= together:
        yield from ((item, function(item)) for item in items)
        return
    waiting: deque[tuple[Sequence[Item], Future[list[Result]]]] = deque()
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="tiles")
    try:
        for part in slices(len(items), together):
            taken = items[part]
            waiting.append((taken, pool.submit(_apply, function, taken)))
            if len(waiting) > n_threads:
                first, future = waiting.popleft()
                yield from zip(first, future.result(), strict=True)
        while waiting:
            first, future = waiting.popleft()
            yield from zip(first, future.result(), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _apply(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]


def add_into(total: NDArray[np.float64], more: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adds to a sum in place, and returns it."""
    total += more
    return total


def multiply_by_transpose(rows: NDArray[np.float32], report_step: Callable[[], None]) -> NDArray[np.float64]:
    """Computes ``rows @ rows.T`` in double precision without a double-precision copy of ``rows``.

    Args:
        rows: float32, shape (n_rows, n_columns), in any memory order.
        report_step: Called often.

    Returns:
        float64, shape (n_rows, n_rows).
    """
    n_rows, n_columns = rows.shape

    def multiply(piece: tuple[slice, tuple[slice, slice]]) -> NDArray[np.float64]:
        part, tile = piece
        sums = np.zeros((tile[0].stop - tile[0].start, tile[1].stop - tile[1].start))
        for start in range(part.start, part.stop, _COLUMNS_AT_ONCE):
            columns = slice(start, min(start + _COLUMNS_AT_ONCE, part.stop))
            left, right = (rows[side, columns].astype(np.float64) for side in tile)
            sums += left @ right.T
        return sums

    tiles = upper_tiles(n_rows)
    pieces = [(part, tile) for part in slices(n_columns, LONGEST_SUM) for tile in tiles]
    tree = FixedTree[NDArray[np.float64]](add_into)
    for (_, (upper, right)), sums in map_in_order(multiply, pieces):
        if (upper, right) == tiles[0]:
            product = np.zeros((n_rows, n_rows), dtype=np.float64)
        product[upper, right] = sums
        if (upper, right) == tiles[-1]:
            tree.add(product)
        report_step()
    product = tree.total()
    for upper, right in tiles:
        product[right, upper] = product[upper, right].T
    return product
