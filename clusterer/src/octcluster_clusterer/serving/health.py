"""The clusterer serves only while its stores do."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from octcluster_serving.server import RunningServer

from octcluster_clusterer.errors import StoreUnavailable

logger = logging.getLogger(__name__)

_PING_INTERVAL_SECONDS = 1.0


async def follow_stores(server: RunningServer, pings: Sequence[Callable[[], None]]) -> None:
    """Keeps the service's health true until it is cancelled; the server as a whole serves all the while.

    Args:
        server: Says whether it serves.
        pings: Each raises StoreUnavailable, in bounded time, unless its store answers.
    """
    # A thread of its own: calls that wait for Redis cannot hold up the news that it is away.
    thread = ThreadPoolExecutor(1, thread_name_prefix="store-ping")
    serves: bool | None = None
    try:
        while True:
            fault = await asyncio.get_running_loop().run_in_executor(thread, _find_fault, pings)
            if serves != (fault is None):
                serves = fault is None
                await server.tell_serving(serves)
                level = logging.INFO if serves else logging.WARNING
                logger.log(level, "%s", fault or "the vector store serves")
            await asyncio.sleep(_PING_INTERVAL_SECONDS)
    finally:
        thread.shutdown(wait=False)


def _find_fault(pings: Sequence[Callable[[], None]]) -> str | None:
    try:
        for ping in pings:
            ping()
    except StoreUnavailable as error:
        return str(error)
    return None
