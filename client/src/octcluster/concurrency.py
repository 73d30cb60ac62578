"""Doing a bounded number of things at once, with threads or with asyncio."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
)
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_concurrently(
    function: Callable[[T], R], items: Iterable[T], at_once: int, pool: Executor | None = None
) -> Iterator[R]:
    """Applies a function to items in threads, or where a pool has them done.

    Items are read, in the caller's thread, only as fast as there is room for them: never are more than
    ``at_once`` items and results held.

    Args:
        function: Called in threads.
        items: What to call it with.
        at_once: Number of threads.
        pool: What to use in place of threads, with room for ``at_once`` items; it is shut down at the end.

    Yields:
        The results as they are ready. The first error of the function ends it all.
    """
    pool = pool or ThreadPoolExecutor(at_once)
    pending: set[Future[R]] = set()
    try:
        for item in items:
            pending.add(pool.submit(function, item))
            if len(pending) == at_once:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


async def map_concurrently_async(
    function: Callable[[T], Awaitable[R]], items: AsyncIterable[T], at_once: int
) -> AsyncGenerator[R]:
    """Applies a coroutine function to items in tasks; otherwise like map_concurrently."""
    pending: set[asyncio.Future[R]] = set()
    try:
        async for item in items:
            pending.add(asyncio.ensure_future(function(item)))
            if len(pending) == at_once:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        for task in pending:
            task.cancel()


async def as_async(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    """Yields the items of an iterable of either kind."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
