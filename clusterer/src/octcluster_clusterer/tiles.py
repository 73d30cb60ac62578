"""Large matrix products in tiles: in parallel, in little memory, and with the same bits everywhere.

BLAS adds in another order when it has another number of threads, and the last bits of its sums with it. So a
run keeps BLAS to one thread; the parallel work is here instead: tiles of fixed bounds, computed by as many
threads as there are processors, whose results are handed back in a fixed order.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from octcluster_serving.processors import count_processors

TILE_SIDE = 512
_COLUMNS_AT_ONCE = 256
_COLUMNS_OF_TILE = 2**13
"""Longest sums of one tile, so that it takes some tenths of a second at most."""
_MAX_THREADS = 8

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
    """Counts the threads that share the work: one for each processor, at most 8."""
    return min(count_processors(), _MAX_THREADS)


def map_in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
    """Applies a function in parallel and yields (item, result) in the items' order.

    Few results wait in memory. When the consumer stops early, what has not begun is dropped.
    """
    n_threads = count_threads()
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="tiles")
    try:
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) > n_threads:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def multiply_by_transpose(rows: NDArray[np.float32], report_step: Callable[[], None]) -> NDArray[np.float64]:
    """Computes ``rows @ rows.T`` in double precision without a double-precision copy of ``rows``.

    Args:
        rows: float32, shape (n_rows, n_columns), in any memory order.
        report_step: Called often.

    Returns:
        float64, shape (n_rows, n_rows).
    """
    n_rows, n_columns = rows.shape
    product = np.zeros((n_rows, n_rows), dtype=np.float64)

    def multiply(piece: tuple[slice, tuple[slice, slice]]) -> NDArray[np.float64]:
        part, tile = piece
        sums = np.zeros((tile[0].stop - tile[0].start, tile[1].stop - tile[1].start))
        for start in range(part.start, part.stop, _COLUMNS_AT_ONCE):
            columns = slice(start, min(start + _COLUMNS_AT_ONCE, part.stop))
            left, right = (rows[side, columns].astype(np.float64) for side in tile)
            sums += left @ right.T
        return sums

    tiles = upper_tiles(n_rows)
    pieces = [(part, tile) for part in slices(n_columns, _COLUMNS_OF_TILE) for tile in tiles]
    for (_, (upper, right)), sums in map_in_order(multiply, pieces):
        product[upper, right] += sums
        report_step()
    for upper, right in tiles:
        product[right, upper] = product[upper, right].T
    return product
