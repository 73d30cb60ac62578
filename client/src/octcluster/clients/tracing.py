"""The trace that the calls of one job belong to, so that the spans of both servers are found together."""

import secrets
import sys


def begin_trace() -> str:
    """Begins a trace, or goes on with the one that this program is in.

    Returns:
        A ``traceparent`` of W3C Trace Context: that of the active span, if the program uses OpenTelemetry,
        else one of a new trace. Servers that export no traces ignore it.
    """
    tracing = sys.modules.get("opentelemetry.trace")  # not imported: a program that uses it has done so
    if tracing is not None:
        span = tracing.get_current_span().get_span_context()
        if span.is_valid:
            return f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}"
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
