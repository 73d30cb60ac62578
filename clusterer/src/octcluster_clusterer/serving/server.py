"""Builds the clusterer and serves it, with an orderly end."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import add_ClustererServiceServicer_to_server
from octcluster_serving.server import LAST_ANSWERS_SECONDS, running_server, wait_for_signal
from threadpoolctl import threadpool_limits

from octcluster_clusterer.assignment.fitted_store import FittedStore
from octcluster_clusterer.engine.engine import Engine, LocalEngine
from octcluster_clusterer.memory import SCIKIT_LEARN_BYTES, MemoryAllowance, measure_resident_bytes
from octcluster_clusterer.metrics import Metrics
from octcluster_clusterer.runs.pipeline import run_pipeline
from octcluster_clusterer.runs.queue import RunQueue
from octcluster_clusterer.runs.run_store import RunStore
from octcluster_clusterer.serving.conversions import Limits
from octcluster_clusterer.serving.health import follow_stores
from octcluster_clusterer.serving.service import CLUSTERER
from octcluster_clusterer.serving.servicer import ClustererServicer
from octcluster_clusterer.settings import Settings
from octcluster_clusterer.shared_work import MAX_SHARED_BYTES, SharedWork
from octcluster_clusterer.store.opening import open_vectors
from octcluster_clusterer.store.redis import RedisStore
from octcluster_clusterer.store.vectors import VectorCache

# Calls that wait for Redis at once; more of them wait for a thread.
_STORE_THREADS = 16


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then ends in order: no new runs, the one at work within its grace.

    Raises:
        CannotListen: The address is in use or not this machine's.
    """
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_STORE_THREADS))
    # As in a run, for the same bits: see pipeline.py. This one also holds for images that are assigned later.
    threadpool_limits(limits=1, user_api="blas")
    metrics = Metrics()
    metrics.tell_memory_limit(settings.memory_limit)
    store = RedisStore(
        settings.redis_url,
        settings.read_redis_password(),
        settings.redis_timeout_seconds,
        observe=metrics.time_store,
    )
    run_store = RunStore(store, settings.run_ttl_seconds)
    vectors = open_vectors(settings.vector_place, metrics.time_store)
    resting_bytes = measure_resident_bytes() + SCIKIT_LEARN_BYTES + MAX_SHARED_BYTES
    memory = MemoryAllowance(settings.memory_limit, resting_bytes, settings.engine == "dask")
    pipeline = partial(run_pipeline, memory=memory, shared=SharedWork())
    engine = _make_engine(settings, vectors, memory)
    runs = RunQueue(engine, run_store, pipeline, settings.max_queued_runs, memory, metrics)
    limits = Limits(
        max_message_bytes=settings.max_message_bytes,
        max_keys_per_message=settings.max_keys_per_message,
        max_members=settings.max_members,
        max_queued_runs=settings.max_queued_runs,
    )
    fitted = FittedStore(store, settings.run_ttl_seconds)
    servicer = ClustererServicer(vectors, runs, fitted, limits, metrics, settings.vector_writers)
    add_servicer = partial(add_ClustererServiceServicer_to_server, servicer)
    async with running_server(CLUSTERER, settings, metrics, add_servicer) as server:
        pings = asyncio.create_task(follow_stores(server, [store.ping, vectors.ping]))
        await wait_for_signal()
        deadline = time.monotonic() + settings.grace_seconds
        pings.cancel()
        await server.tell_stopping(settings.grace_seconds)
        await asyncio.to_thread(runs.stop, settings.grace_seconds)
        await server.stop(max(LAST_ANSWERS_SECONDS, deadline - time.monotonic()))
    vectors.close()
    store.close()


def _make_engine(settings: Settings, vectors: VectorCache, memory: MemoryAllowance) -> Engine:
    if settings.scheduler_place is None:
        return LocalEngine(vectors)
    # Imported here: it takes a second, and most clusterers do without.
    from octcluster_clusterer.engine.dask_engine import DaskEngine  # noqa: PLC0415

    return DaskEngine(settings.scheduler_place, vectors, memory.limit_bytes - memory.resting_bytes)
