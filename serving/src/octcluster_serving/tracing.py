"""OpenTelemetry traces of the calls, for a collector that speaks OTLP over gRPC.

A span says method, status, counts and the request's id of the log, and nothing of what a client sent. Health
checks are not traced. What else can be set (headers, sampling, ...) are OpenTelemetry's own variables.
"""

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


class CallTracer(OpenTelemetryAioServerInterceptor):
    """An interceptor for the gRPC server that makes a span of each call of one service.

    Args:
        exporter: Where the spans go.
        service: Whose calls are traced.
    """

    def __init__(self, exporter: SpanExporter, service: Service) -> None:
        names = {"service.name": service.program, "service.version": service.version}
        self._provider = TracerProvider(resource=Resource.create(names))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        super().__init__(  # type: ignore[no-untyped-call]
            get_tracer(__name__, service.version, self._provider), filters.service_name(service.name)
        )

    def flush(self) -> None:
        """Sends what has gathered."""
        self._provider.force_flush()

    def close(self) -> None:
        """Sends what is left; waits for a collector that is away some seconds at most."""
        self._provider.shutdown()
