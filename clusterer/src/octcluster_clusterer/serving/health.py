"""Health of the server: what it says of itself, and how to ask it."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from octcluster_clusterer.errors import StoreUnavailable

CLUSTERER_SERVICE = "octcluster.clusterer.v1.ClustererService"

logger = logging.getLogger(__name__)

_PING_INTERVAL_SECONDS = 1.0
_ASK_SECONDS = 3.0
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def start_health(ping: Callable[[], None]) -> tuple[health.aio.HealthServicer, asyncio.Task[None]]:
    """Makes the health service: the server as a whole serves, the clusterer only while Redis answers.

    Args:
        ping: Raises StoreUnavailable, in bounded time, unless Redis answers.

    Returns:
        The service, and the task that keeps it true until it is cancelled.
    """
    servicer = health.aio.HealthServicer()
    await servicer.set(CLUSTERER_SERVICE, _NOT_SERVING)
    return servicer, asyncio.create_task(_follow_store(servicer, ping))


async def _follow_store(servicer: health.aio.HealthServicer, ping: Callable[[], None]) -> None:
    # A thread of its own: calls that wait for Redis cannot hold up the news that it is away.
    thread = ThreadPoolExecutor(1, thread_name_prefix="store-ping")
    serves: bool | None = None
    try:
        while True:
            fault = await asyncio.get_running_loop().run_in_executor(thread, _find_fault, ping)
            if serves != (fault is None):
                serves = fault is None
                await servicer.set(CLUSTERER_SERVICE, _SERVING if serves else _NOT_SERVING)
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


def ask_health(listen: str) -> str | None:
    """Asks the server that listens at this address for its health.

    Args:
        listen: Address as the server was given it; one that stands for all interfaces is asked on loopback.

    Returns:
        None if the server serves and reaches Redis, else what is wrong.
    """
    address = listen.replace("0.0.0.0:", "127.0.0.1:", 1).replace("[::]:", "[::1]:", 1)
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            for service in ("", CLUSTERER_SERVICE):
                answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=_ASK_SECONDS)
                if answer.status != _SERVING:
                    return (
                        "the server serves, but does not reach Redis"
                        if service
                        else "the server does not serve"
                    )
        except grpc.RpcError as error:
            return f"no answer from {listen}: {error.code().name}"
    return None
