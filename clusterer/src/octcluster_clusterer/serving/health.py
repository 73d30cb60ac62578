"""The clusterer serves only while its vector store does."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from octcluster_serving.server import RunningServer

from octcluster_clusterer.errors import StoreUnavailable

logger = logging.getLogger(__name__)

_PING_INTERVAL_SECONDS = 1.0


async def follow_store(server: RunningServer, ping: Callable[[], None]) -> None:
    """Keeps the service's health true until it is cancelled; the server as a whole serves all the while.

    Args:
        server: Says whether it serves.
        ping: Raises StoreUnavailable, in bounded time, unless Redis answers.
    """
    # A thread of its own: calls that wait for Redis cannot hold up the news that it is away.
    thread = ThreadPoolExecutor(1, thread_name_prefix="store-ping")
    serves: bool | None = None
    try:
        while True:
            fault = await asyncio.get_running_loop().run_in_executor(thread, _find_fault, ping)
            if serves != (fault is None):
                serves = fault is None
                await server.tell_serving(serves)
                level = logging.INFO if serves else logging.WARNING
                logger.log(level, "%s", fault or "the vector store serves")
            await asyncio.sleep(_PING_INTERVAL_SECONDS)
    finally:
        thread.shutdown(wait=False)


def _find_fault(ping: Callable[[], None]) -> str | None:
    try:
        ping()
    except StoreUnavailable as error:
        return str(error)
    return None
