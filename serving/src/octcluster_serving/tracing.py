"""OpenTelemetry traces of the calls, for a collector that speaks OTLP over gRPC.

A span says method, status, counts and the request's id of the log, and nothing of what a client sent. Health
checks are not traced. What else can be set (headers, sampling, ...) are OpenTelemetry's own variables.
"""

from contextlib import AbstractContextManager

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.grpc import filters
from opentelemetry.instrumentation.grpc._aio_server import OpenTelemetryAioServerInterceptor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import get_tracer

from octcluster_serving.service import Service

# With a collector that is away, the end of the server waits for so long after the drain.
_EXPORT_SECONDS = 5


def open_collector(endpoint: str) -> SpanExporter:
    """The way to a collector, for example ``http://localhost:4317``; https:// for TLS."""
    return OTLPSpanExporter(endpoint, timeout=_EXPORT_SECONDS)


def _open_provider(exporter: SpanExporter, program: str, version: str) -> TracerProvider:
    provider = TracerProvider(resource=Resource.create({"service.name": program, "service.version": version}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


class WorkTracer:
    """Makes spans of a program's own work; the calls that it makes meanwhile belong to them.

    Args:
        exporter: Where the spans go.
        program: Name of the program.
        version: Its version.
    """

    def __init__(self, exporter: SpanExporter, program: str, version: str) -> None:
        self._provider = _open_provider(exporter, program, version)
        self._tracer = self._provider.get_tracer(__name__, version)

    def span(self, name: str, **numbers: int) -> AbstractContextManager[object]:
        """A block that is a span, with numbers that say nothing of anybody; of an error it tells no text."""
        return self._tracer.start_as_current_span(
            name, attributes=numbers, record_exception=False, set_status_on_exception=False
        )

    def close(self) -> None:
        """Sends what is left; waits for a collector that is away some seconds at most."""
        self._provider.shutdown()


class CallTracer(OpenTelemetryAioServerInterceptor):
    """An interceptor for the gRPC server that makes a span of each call of one service.

    Args:
        exporter: Where the spans go.
        service: Whose calls are traced.
    """

    def __init__(self, exporter: SpanExporter, service: Service) -> None:
        self._provider = _open_provider(exporter, service.program, service.version)
        super().__init__(  # type: ignore[no-untyped-call]
            get_tracer(__name__, service.version, self._provider), filters.service_name(service.name)
        )

    def flush(self) -> None:
        """Sends what has gathered."""
        self._provider.force_flush()

    def close(self) -> None:
        """Sends what is left; waits for a collector that is away some seconds at most."""
        self._provider.shutdown()
