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


async def report_store_health(servicer: health.aio.HealthServicer, ping: Callable[[], None]) -> None:
    """Keeps saying whether the clusterer can work: it can while Redis answers. Runs until it is cancelled.

    Args:
        servicer: The server's health service.
        ping: Raises StoreUnavailable, in bounded time, unless Redis answers.
    """
    serves: bool | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="store-ping") as thread:
        while True:
            cause = None
            try:
                await asyncio.get_running_loop().run_in_executor(thread, ping)
            except StoreUnavailable as error:
                cause = error
            if serves != (cause is None):
                serves = cause is None
                await servicer.set(CLUSTERER_SERVICE, _SERVING if serves else _NOT_SERVING)
                logger.log(
                    logging.INFO if serves else logging.WARNING, "%s", cause or "the vector store serves"
                )
            await asyncio.sleep(_PING_INTERVAL_SECONDS)


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
