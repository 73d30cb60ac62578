"""The gRPC server: limits, health, reflection, loading in the background and an orderly end."""

import asyncio
import importlib.metadata
import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence

import grpc
import numpy as np
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from octcluster_protos.embedder.v1.embedder_pb2_grpc import add_EmbedderServiceServicer_to_server

from octcluster_embedder.embedding import Embedder, ServiceLimits
from octcluster_embedder.health import EMBEDDER_SERVICE, report_health
from octcluster_embedder.image_decoding import ImageLimits
from octcluster_embedder.models.weights import WeightsOptions
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.runtimes.runtime import Runtime
from octcluster_embedder.servicer import EmbedderServicer
from octcluster_embedder.settings import Settings

_logger = logging.getLogger(__name__)

# Clients that wait for a long answer may ask this often whether the connection still lives.
_SHORTEST_PING_INTERVAL_MS = 10_000
# Streams and health watches count too; what comes above it is refused with RESOURCE_EXHAUSTED.
MAX_CALLS_AT_ONCE = 256
# What is still open after the drain is no work of ours: a health watch, say.
_LAST_ANSWERS_SECONDS = 2.0


class CannotListen(Exception):
    """The server cannot bind the address of --listen."""


def load_runtimes(settings: Settings) -> list[Runtime]:
    """Loads the models that the settings name, each in its runtime, converting them if need be.

    Raises:
        SettingError: A setting names nothing that there is.
        ModelUnavailable: A model's weights cannot be had.
    """
    weights = WeightsOptions(settings.weights, settings.weights_sha256, settings.keras_home)
    return [load_runtime(settings.runtime, model, weights, settings.cache_dir) for model in settings.models]


async def serve(settings: Settings) -> bool:
    """Serves until SIGTERM or SIGINT, then finishes what it accepted.

    Returns:
        Whether the models were loaded before the end came.

    Raises:
        CannotListen: The address is in use or not this machine's.
        SettingError: A setting names nothing that there is.
        ModelUnavailable: A model's weights cannot be had.
    """
    embedder = Embedder(_limits(settings), settings.decode_threads)
    health_servicer = health.aio.HealthServicer()
    await report_health(health_servicer, serving=False)
    server = _build_server(settings, embedder, health_servicer)
    await server.start()
    stopping = asyncio.create_task(_wait_for_signal())
    _logger.info("listening on %s, loading %s", _address_kind(settings.listen), ", ".join(settings.models))

    started = time.monotonic()
    loading = _run_in_background(lambda: _load_warm_runtimes(settings))
    await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
    loaded = loading.done()
    try:
        if loaded:
            embedder.open(loading.result())
            await report_health(health_servicer, serving=True)
            served = ", ".join(f"{r.model} on {r.name} ({r.device})" for r in embedder.runtimes)
            _logger.info("serving %s after %.1f s of loading", served, time.monotonic() - started)
            await stopping
        _logger.info("stopping: accepted work has %g s", settings.grace_seconds)
        await health_servicer.enter_graceful_shutdown()
        await embedder.stop(settings.grace_seconds)
    finally:
        await server.stop(_LAST_ANSWERS_SECONDS)
        await embedder.close()
    _logger.info("stopped")
    return loaded


def _limits(settings: Settings) -> ServiceLimits:
    return ServiceLimits(
        image=ImageLimits(settings.max_image_bytes, settings.max_image_pixels),
        max_images_per_request=settings.max_images_per_request,
        max_message_bytes=settings.max_message_bytes,
    )


def _build_server(
    settings: Settings, embedder: Embedder, health_servicer: health.aio.HealthServicer
) -> grpc.aio.Server:
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            ("grpc.so_reuseport", 0),
            ("grpc.http2.min_ping_interval_without_data_ms", _SHORTEST_PING_INTERVAL_MS),
            ("grpc.keepalive_permit_without_calls", 1),
        ],
        maximum_concurrent_rpcs=MAX_CALLS_AT_ONCE,
    )
    version = importlib.metadata.version("octcluster-embedder")
    add_EmbedderServiceServicer_to_server(EmbedderServicer(embedder, version), server)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    if settings.reflection:
        names = (EMBEDDER_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
    try:
        server.add_insecure_port(settings.listen)
    except RuntimeError as error:
        raise CannotListen(
            f"cannot listen on --listen {settings.listen}: is the address in use, or not of this machine?"
        ) from error
    return server


def _load_warm_runtimes(settings: Settings) -> list[Runtime]:
    """Loads the models and makes each kind of inference once: the first is slow."""
    runtimes = load_runtimes(settings)
    for runtime in runtimes:
        for features in runtime.spaces:
            for n_images in (1, runtime.batch_size):
                blank = np.zeros((n_images, runtime.input_height, runtime.input_width, 3), np.uint8)
                runtime.infer(blank, features)
    return runtimes


def _run_in_background(function: Callable[[], Sequence[Runtime]]) -> asyncio.Future[Sequence[Runtime]]:
    """Runs a function in a thread that does not hold up the process's end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Sequence[Runtime]] = loop.create_future()

    def run() -> None:
        try:
            result = function()
        except BaseException as error:
            loop.call_soon_threadsafe(future.set_exception, error)
        else:
            loop.call_soon_threadsafe(future.set_result, result)

    threading.Thread(target=run, name="loading", daemon=True).start()
    return future


async def _wait_for_signal() -> None:
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await asked.wait()


def _address_kind(listen: str) -> str:
    return "a Unix socket" if listen.startswith("unix:") else f"TCP port {listen.rpartition(':')[2]}"
