"""The trace of a job: a new one, or the one that the program is in."""

import re

from octcluster.clients.endpoint import Endpoint
from octcluster.clients.tracing import begin_trace
from opentelemetry.sdk.trace import TracerProvider


def test_each_job_has_a_trace_of_its_own() -> None:
    traces = {begin_trace() for _ in range(20)}
    assert len(traces) == 20
    assert all(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", trace) for trace in traces)


def test_a_program_that_is_in_a_trace_stays_in_it() -> None:
    with TracerProvider().get_tracer("trial").start_as_current_span("job") as span:
        context = span.get_span_context()
        flags = f"{int(context.trace_flags):02x}"
        assert begin_trace() == f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags}"


def test_it_goes_with_each_call_beside_the_token() -> None:
    trace = begin_trace()
    endpoint = Endpoint("the clusterer", "unix:/s", 1, 1, token="t" * 16, traceparent=trace)
    assert endpoint.proof == {
        "metadata": (("authorization", "Bearer tttttttttttttttt"), ("traceparent", trace))
    }
    assert endpoint.trace_id == trace[3:35]
    assert Endpoint("the clusterer", "unix:/s", 1, 1).proof == {}
    assert Endpoint("the clusterer", "unix:/s", 1, 1).trace_id == ""
