"""The gRPC server: limits, health, reflection, and an orderly end."""

import asyncio
import logging
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import add_ClustererServiceServicer_to_server
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from octcluster_clusterer.memory import MemoryAllowance, measure_resident_bytes
from octcluster_clusterer.runs.pipeline import run_pipeline
from octcluster_clusterer.runs.queue import RunQueue
from octcluster_clusterer.runs.run_store import RunStore
from octcluster_clusterer.serving.conversions import Limits
from octcluster_clusterer.serving.health import CLUSTERER_SERVICE, start_health
from octcluster_clusterer.serving.rpc_errors import RpcErrors
from octcluster_clusterer.serving.servicer import ClustererServicer
from octcluster_clusterer.settings import Settings
from octcluster_clusterer.shared_work import MAX_SHARED_BYTES, SharedWork
from octcluster_clusterer.store.redis import RedisStore
from octcluster_clusterer.store.vectors import VectorCache

logger = logging.getLogger(__name__)

# Calls that wait for Redis at once; more of them wait for a thread.
_STORE_THREADS = 16
# Clients that watch a long run may ask this often whether the connection still lives.
_SHORTEST_PING_INTERVAL_MS = 10_000
# Calls at once; more are refused with RESOURCE_EXHAUSTED.
_MAX_CALLS = 256
_LAST_ANSWERS_SECONDS = 2.0


class CannotListen(Exception):
    """The server cannot bind the address of --listen."""


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then ends in order: no new runs, the one at work within its grace.

    Raises:
        CannotListen: The address is in use or not this machine's.
    """
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_STORE_THREADS))
    # As in a run, for the same bits: see pipeline.py. This one also holds for images that are assigned later.
    threadpool_limits(limits=1, user_api="blas")
    store = RedisStore(settings.redis_url, settings.read_redis_password(), settings.redis_timeout_seconds)
    run_store = RunStore(store, settings.run_ttl_seconds)
    vectors = VectorCache(store)
    memory = MemoryAllowance(settings.memory_limit, measure_resident_bytes() + MAX_SHARED_BYTES)
    pipeline = partial(run_pipeline, memory=memory, shared=SharedWork())
    runs = RunQueue(vectors, run_store, pipeline, settings.max_queued_runs, memory)
    limits = Limits(
        max_message_bytes=settings.max_message_bytes,
        max_keys_per_message=settings.max_keys_per_message,
        max_members=settings.max_members,
        max_queued_runs=settings.max_queued_runs,
    )
    health_servicer, pings = await start_health(store.ping)
    server = _build_server(settings, ClustererServicer(vectors, runs, limits), health_servicer)
    await server.start()
    logger.info("serving on %s", settings.listen)
    await _wait_for_signal()

    logger.info("stopping: no new runs, the run at work has %g s", settings.grace_seconds)
    deadline = time.monotonic() + settings.grace_seconds
    pings.cancel()
    await health_servicer.enter_graceful_shutdown()
    await asyncio.to_thread(runs.stop, settings.grace_seconds)
    await server.stop(max(_LAST_ANSWERS_SECONDS, deadline - time.monotonic()))
    store.close()
    logger.info("stopped")


def _build_server(
    settings: Settings, servicer: ClustererServicer, health_servicer: health.aio.HealthServicer
) -> grpc.aio.Server:
    server = grpc.aio.server(
        interceptors=[RpcErrors(CLUSTERER_SERVICE)],
        maximum_concurrent_rpcs=_MAX_CALLS,
        options=[
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            ("grpc.so_reuseport", 0),
            ("grpc.http2.min_ping_interval_without_data_ms", _SHORTEST_PING_INTERVAL_MS),
            ("grpc.keepalive_permit_without_calls", 1),
        ],
    )
    add_ClustererServiceServicer_to_server(servicer, server)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    if settings.reflection:
        names = (CLUSTERER_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
    try:
        server.add_insecure_port(settings.listen)
    except RuntimeError as error:
        raise CannotListen(f"cannot listen on {settings.listen}: is it in use?") from error
    return server


async def _wait_for_signal() -> None:
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await asked.wait()
