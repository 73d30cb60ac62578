"""Runs one part of a Dask cluster until it is asked to stop."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import dask

# No pages, which would be in plain text, and nothing that watches the work and takes time from it.
_QUIET = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.worker.profile.enabled": False,
    # A worker with too little memory is started anew: one that waits for some to be freed may wait for ever.
    "distributed.worker.memory.pause": False,
}
HTTP_ADDRESS = "127.0.0.1:0"
"""Where Dask's own HTTP server, which cannot be left out, has nothing to tell."""


def run_part(make_part: Callable[[], Any], options: dict[str, object]) -> int:
    """Runs a scheduler or a nanny; returns the exit code.

    Args:
        make_part: Makes it, within an event loop.
        options: Settings of Dask.
    """
    # Each question for its health would be a line.
    logging.getLogger("distributed.comm.tcp").setLevel(logging.WARNING)
    dask.config.set(_QUIET | options)
    try:
        asyncio.run(_serve(make_part))
    except (OSError, RuntimeError, TimeoutError) as error:
        print(f"cannot start: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(make_part: Callable[[], Awaitable[Any]]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with make_part() as part:  # type: ignore[attr-defined]
        finished = asyncio.create_task(part.finished())
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait({finished, asked}, return_when=asyncio.FIRST_COMPLETED)
        for task in (finished, asked):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
