"""Cutting into requests, and doing a bounded number of things at once."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from octcluster.clients.batches import RequestCutter, cut
from octcluster.concurrency import as_async, map_concurrently, map_concurrently_async


def batches_of(sizes: list[int], max_items: int, max_bytes: int) -> list[list[int]]:
    cutter = RequestCutter[int](max_items, max_bytes)
    found = [cutter.add(size, size) for size in sizes]
    return [batch for batch in [*found, cutter.flush()] if batch]


def test_batches_keep_order_and_limits() -> None:
    assert batches_of([3, 3, 3, 9, 1, 1], 2, 10) == [[3, 3], [3], [9, 1], [1]]


def test_an_item_larger_than_a_batch_goes_alone() -> None:
    assert batches_of([1, 50, 1], 10, 10) == [[1], [50], [1]]


def test_nothing_gives_no_batch() -> None:
    assert batches_of([], 2, 10) == []


def test_cut() -> None:
    assert [list(part) for part in cut(range(5), 2)] == [[0, 1], [2, 3], [4]]


def test_items_are_read_only_as_fast_as_they_are_worked_on() -> None:
    read, most = 0, 0
    taken = 0

    def source() -> Iterator[int]:
        nonlocal read, most
        for item in range(50):
            read += 1
            most = max(most, read - taken)
            yield item

    results = []
    for result in map_concurrently(lambda item: item * 2, source(), 4):
        taken += 1
        results.append(result)
    assert sorted(results) == [item * 2 for item in range(50)]
    assert most <= 5


def test_work_is_done_at_once() -> None:
    barrier = threading.Barrier(4, timeout=10)
    assert len(list(map_concurrently(lambda _: barrier.wait(), range(8), 4))) == 8


def test_an_error_ends_the_work() -> None:
    done = []

    def work(item: int) -> None:
        if item == 3:
            raise KeyError(item)
        done.append(item)

    with pytest.raises(KeyError):
        list(map_concurrently(work, range(1000), 2))
    assert len(done) < 20


async def test_tasks_are_bounded_and_an_early_end_cancels_them() -> None:
    running, most, cancelled = 0, 0, 0

    async def work(item: int) -> int:
        nonlocal running, most, cancelled
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(0.001 if item < 10 else 60)
        except asyncio.CancelledError:
            cancelled += 1
            raise
        finally:
            running -= 1
        return item

    results = map_concurrently_async(work, as_async(range(100)), 4)
    seen = []
    began = time.monotonic()
    async for result in results:
        seen.append(result)
        if len(seen) == 10:
            break
    await asyncio.sleep(0.01)
    await results.aclose()
    await asyncio.sleep(0)
    assert sorted(seen) == list(range(10))
    assert most == 4
    assert cancelled > 0
    assert time.monotonic() - began < 10
