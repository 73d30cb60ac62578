"""The gRPC server around a service: limits, TLS, health, reflection, and an orderly end."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from octcluster_serving.addresses import describe_address
from octcluster_serving.calls import CallInterceptor
from octcluster_serving.certificates import load_server_credentials
from octcluster_serving.errors import CannotListen
from octcluster_serving.metrics import ServerMetrics, serving_metrics
from octcluster_serving.service import Service
from octcluster_serving.settings import ServerSettings
from octcluster_serving.tokens import TokenCheck

_logger = logging.getLogger(__name__)

# Clients that wait for a long answer may ask this often whether the connection still lives.
SHORTEST_PING_INTERVAL_MS = 10_000
# The server itself asks a silent client, so that one which is gone does not hold its work for ever.
_KEEPALIVE_TIME_MS = 60_000
_KEEPALIVE_TIMEOUT_MS = 20_000
# What a client may send of a stream that nobody reads yet; whoever reads a message gets all of it at once.
STREAM_WINDOW_BYTES = 2**15
# Of each connection. Without a bound, it stays as large as the most that ever came at once.
_READ_BUFFER_BYTES = 2**18
# Longer than clients give one call, so that the age of a connection ends no call of theirs.
CONNECTION_AGE_GRACE_MS = 660_000
# Streams and health watches count too; what comes above it is refused with RESOURCE_EXHAUSTED.
MAX_CALLS_AT_ONCE = 256
# What is still open after the drain is no work of ours: a health watch, say.
LAST_ANSWERS_SECONDS = 2.0


class RunningServer:
    """A server that listens; it says that it does not serve until it is told otherwise."""

    def __init__(self, service: Service, metrics: ServerMetrics, server: grpc.aio.Server) -> None:
        self._service = service
        self._metrics = metrics
        self._server = server
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)

    async def tell_serving(self, serving: bool) -> None:
        """Says by health and metrics whether the service serves."""
        answers = health_pb2.HealthCheckResponse
        for name in (self._service.name,) if self._service.alive_before_serving else (self._service.name, ""):
            await self._health.set(name, answers.SERVING if serving else answers.NOT_SERVING)
        self._metrics.tell_serving(serving=serving)

    async def tell_stopping(self, grace_seconds: float) -> None:
        """Says for good that the server does not serve; it still takes calls."""
        _logger.info("stopping: accepted work has %g s", grace_seconds)
        self._metrics.tell_serving(serving=False)
        await self._health.enter_graceful_shutdown()

    async def stop(self, seconds: float = LAST_ANSWERS_SECONDS) -> None:
        """Takes no more calls, and ends those that are not done after so long."""
        await self._server.stop(seconds)


@asynccontextmanager
async def running_server(
    service: Service,
    settings: ServerSettings,
    metrics: ServerMetrics,
    add_servicer: Callable[[grpc.aio.Server], None],
) -> AsyncIterator[RunningServer]:
    """Serves while the block runs.

    Args:
        service: What is served.
        settings: Where, and how it is kept safe.
        metrics: Counts the calls.
        add_servicer: Registers the service's methods with the server.

    Raises:
        CannotListen: An address is in use or not this machine's.
        UnusableFile: A certificate, a key or the token cannot be used.
    """
    async with AsyncExitStack() as stack:
        interceptors = _open_interceptors(service, settings, metrics, stack)
        server = grpc.aio.server(
            interceptors=interceptors, options=_options(settings), maximum_concurrent_rpcs=MAX_CALLS_AT_ONCE
        )
        running = RunningServer(service, metrics, server)
        add_servicer(server)
        if settings.reflection:
            names = (service.name, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, server)
        _bind(server, settings)
        await running.tell_serving(False)
        await server.start()
        stack.push_async_callback(running.stop)
        how = " with TLS" if settings.tls else ""
        _logger.info("listening on %s%s", describe_address(settings.listen), how)
        yield running
    _logger.info("stopped")


async def wait_for_signal() -> None:
    """Waits for SIGTERM or SIGINT."""
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await asked.wait()


def _open_interceptors(
    service: Service, settings: ServerSettings, metrics: ServerMetrics, stack: AsyncExitStack
) -> list[grpc.aio.ServerInterceptor]:
    """Serves the metrics, if the settings say where; returns the interceptors, outermost first."""
    interceptors: list[grpc.aio.ServerInterceptor] = []
    if settings.metrics_listen is not None:
        stack.enter_context(serving_metrics(metrics, settings.metrics_listen, settings.tls))
        _logger.info("metrics on %s", describe_address(settings.metrics_listen))
    if settings.token_file is not None:
        interceptors.append(TokenCheck(settings.token_file, metrics))
    if settings.otlp_endpoint is not None:
        # Imported here: it takes a second, and most servers do without.
        from octcluster_serving.tracing import CallTracer, open_collector  # noqa: PLC0415

        tracer = CallTracer(open_collector(settings.otlp_endpoint), service)
        stack.callback(tracer.close)
        interceptors.append(tracer)
    return [*interceptors, CallInterceptor(service, metrics, certified=settings.certificate_names)]


def _options(settings: ServerSettings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.so_reuseport", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", SHORTEST_PING_INTERVAL_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", _KEEPALIVE_TIME_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
        ("grpc.max_concurrent_streams", settings.max_streams_per_connection),
        ("grpc.max_connection_age_ms", round(1000 * settings.max_connection_age_seconds)),
        ("grpc.max_connection_age_grace_ms", CONNECTION_AGE_GRACE_MS),
        # With its probes, gRPC takes 4 MiB of each stream before anybody reads it.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", STREAM_WINDOW_BYTES),
        ("grpc.experimental.tcp_max_read_buffer_size", _READ_BUFFER_BYTES),
    ]


def _bind(server: grpc.aio.Server, settings: ServerSettings) -> None:
    """Binds the server to its address, with TLS if there is a certificate."""
    credentials = load_server_credentials(settings.tls) if settings.tls else None
    try:
        if credentials is None:
            server.add_insecure_port(settings.listen)
        else:
            server.add_secure_port(settings.listen, credentials)
    except RuntimeError as error:
        raise CannotListen("--listen", settings.listen) from error
