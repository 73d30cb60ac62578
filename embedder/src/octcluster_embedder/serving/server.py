"""The gRPC server: limits, health, reflection, loading in the background and an orderly end."""

import asyncio
import importlib.metadata
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import grpc
import numpy as np
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from octcluster_protos.embedder.v1.embedder_pb2_grpc import add_EmbedderServiceServicer_to_server

from octcluster_embedder.images.decoding import ImageLimits
from octcluster_embedder.metrics import Metrics, serving_metrics
from octcluster_embedder.models.weights import WeightsOptions
from octcluster_embedder.queueing.embedding import Embedder
from octcluster_embedder.queueing.requests import ServiceLimits
from octcluster_embedder.runtimes.loading import explain_choice, load_runtime
from octcluster_embedder.runtimes.runtime import Runtime
from octcluster_embedder.serving.addresses import split_address
from octcluster_embedder.serving.health import EMBEDDER_SERVICE, report_health
from octcluster_embedder.serving.security import TokenCheck, load_server_credentials, read_token
from octcluster_embedder.serving.servicer import EmbedderServicer
from octcluster_embedder.settings import Settings
from octcluster_embedder.spaces import Precision

_logger = logging.getLogger(__name__)

# Clients that wait for a long answer may ask this often whether the connection still lives.
SHORTEST_PING_INTERVAL_MS = 10_000
# The server itself asks a silent client, so that one which is gone does not hold its work for ever.
_KEEPALIVE_TIME_MS = 60_000
_KEEPALIVE_TIMEOUT_MS = 20_000
# Longer than clients give one call, so that the age of a connection ends no call of theirs.
CONNECTION_AGE_GRACE_MS = 660_000
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
    precision = Precision(settings.precision)
    return [
        load_runtime(settings.runtime, model, weights, settings.cache_dir, precision)
        for model in settings.models
    ]


async def serve(settings: Settings) -> bool:
    """Serves until SIGTERM or SIGINT, then finishes what it accepted.

    Returns:
        Whether the models were loaded before the end came.

    Raises:
        CannotListen: The address is in use or not this machine's.
        SettingError: A setting names nothing that there is.
        ModelUnavailable: A model's weights cannot be had.
    """
    metrics = Metrics()
    with ExitStack() as stack:
        stack.enter_context(_served_metrics(settings, metrics))
        interceptors = stack.enter_context(_interceptors(settings, metrics))
        return await _serve(settings, metrics, interceptors)


async def _serve(
    settings: Settings, metrics: Metrics, interceptors: Sequence[grpc.aio.ServerInterceptor]
) -> bool:
    embedder = Embedder(_limits(settings), settings.decode_threads, metrics)
    health_servicer = health.aio.HealthServicer()

    async def tell_serving(serving: bool) -> None:
        await report_health(health_servicer, serving=serving)
        metrics.tell_serving(serving=serving)

    await tell_serving(False)
    explain_runtime = partial(explain_choice, settings.runtime, settings.models[0])
    servicer = EmbedderServicer(embedder, _version(), metrics, explain_runtime)
    server = _build_server(settings, servicer, health_servicer, interceptors)
    await server.start()
    stopping = asyncio.create_task(_wait_for_signal())
    _logger.info("listening on %s, loading %s", _address_kind(settings), ", ".join(settings.models))

    started = time.monotonic()
    loading = _run_in_background(lambda: _load_warm_runtimes(settings))
    await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
    loaded = loading.done()
    try:
        if loaded:
            embedder.open(loading.result(), lambda model: _reload(settings, model), tell_serving)
            await tell_serving(True)
            served = ", ".join(f"{r.model} on {r.name} ({r.device})" for r in embedder.runtimes)
            _logger.info("serving %s after %.1f s of loading", served, time.monotonic() - started)
            await stopping
        _logger.info("stopping: accepted work has %g s", settings.grace_seconds)
        metrics.tell_serving(serving=False)
        await health_servicer.enter_graceful_shutdown()
        if n_unanswered := await embedder.stop(settings.grace_seconds):
            _logger.warning("%d accepted images got no answer in time", n_unanswered)
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
        max_queued_images=settings.max_queued_images,
        max_queued_bytes=settings.max_queued_bytes,
    )


@contextmanager
def _served_metrics(settings: Settings, metrics: Metrics) -> Iterator[None]:
    """Serves the metrics, if the settings say where."""
    if settings.metrics_listen is None:
        yield
        return
    host, port = split_address(settings.metrics_listen)
    with ExitStack() as stack:
        try:
            stack.enter_context(
                serving_metrics(
                    metrics, host, port, settings.tls_cert, settings.tls_key, settings.tls_client_ca
                )
            )
        except OSError as error:
            raise CannotListen(_cannot_listen("--metrics-listen", settings.metrics_listen)) from error
        _logger.info("metrics on TCP port %d", port)
        yield


@contextmanager
def _interceptors(settings: Settings, metrics: Metrics) -> Iterator[list[grpc.aio.ServerInterceptor]]:
    """What comes before the methods: the check of the token and the tracing, each if it is set."""
    interceptors: list[grpc.aio.ServerInterceptor] = []
    if settings.token_file is not None:
        interceptors.append(TokenCheck(read_token(settings.token_file), metrics))
    if settings.otlp_endpoint is None:
        yield interceptors
        return
    # Imported here: it takes a second, and most servers do without.
    from octcluster_embedder.serving.tracing import CallTracer  # noqa: PLC0415

    tracer = CallTracer(settings.otlp_endpoint, EMBEDDER_SERVICE, _version())
    try:
        yield [*interceptors, tracer]
    finally:
        tracer.close()


def _build_server(
    settings: Settings,
    servicer: EmbedderServicer,
    health_servicer: health.aio.HealthServicer,
    interceptors: Sequence[grpc.aio.ServerInterceptor],
) -> grpc.aio.Server:
    server = grpc.aio.server(
        interceptors=interceptors,
        options=[
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            ("grpc.max_concurrent_streams", settings.max_streams_per_connection),
            ("grpc.max_connection_age_ms", round(1000 * settings.max_connection_age_seconds)),
            ("grpc.max_connection_age_grace_ms", CONNECTION_AGE_GRACE_MS),
            ("grpc.so_reuseport", 0),
            ("grpc.http2.min_ping_interval_without_data_ms", SHORTEST_PING_INTERVAL_MS),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.keepalive_time_ms", _KEEPALIVE_TIME_MS),
            ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
        ],
        maximum_concurrent_rpcs=MAX_CALLS_AT_ONCE,
    )
    add_EmbedderServiceServicer_to_server(servicer, server)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    if settings.reflection:
        names = (EMBEDDER_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
    _listen(server, settings)
    return server


def _listen(server: grpc.aio.Server, settings: Settings) -> None:
    """Binds the server to its address, with TLS if there is a certificate."""
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None or key is None:
        credentials = None
    else:
        credentials = load_server_credentials(cert, key, settings.tls_client_ca)
    try:
        if credentials is None:
            server.add_insecure_port(settings.listen)
        else:
            server.add_secure_port(settings.listen, credentials)
    except RuntimeError as error:
        raise CannotListen(_cannot_listen("--listen", settings.listen)) from error


def _cannot_listen(flag: str, address: str) -> str:
    return f"cannot listen on {flag} {address}: is the address in use, or not of this machine?"


def _load_warm_runtimes(settings: Settings) -> list[Runtime]:
    """Loads the models and makes each kind of inference once: the first is slow."""
    runtimes = load_runtimes(settings)
    for runtime in runtimes:
        for features in runtime.spaces:
            for n_images in (1, max(2, runtime.batch_size)):
                blank = np.zeros((n_images, runtime.input_height, runtime.input_width, 3), np.uint8)
                runtime.infer(blank, features)
    return runtimes


def _reload(settings: Settings, model: str) -> Runtime:
    """Loads one of the models again, in place of a runtime that died."""
    return _load_warm_runtimes(settings.model_copy(update={"models": (model,)}))[0]


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


def _address_kind(settings: Settings) -> str:
    if settings.listen.startswith("unix:"):
        return "a Unix socket"
    return f"TCP port {split_address(settings.listen)[1]}" + (" with TLS" if settings.tls_cert else "")


def _version() -> str:
    return importlib.metadata.version("octcluster-embedder")
