"""What becomes of a call: status, line of log, counts. A small service on a real gRPC server."""

import asyncio
import contextlib
import gc
import logging
import weakref
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from known import known
from octcluster_serving.calls import CallInterceptor, _letting_go, count
from octcluster_serving.metrics import ServerMetrics
from octcluster_serving.service import Service
from octcluster_serving.tracing import CallTracer
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

pytestmark = pytest.mark.heavy

SECRET = "Doe^Jane 1950-01-01"


class Refused(Exception):
    """One of the service's own errors."""


class Crowded(Refused):
    """Another one, below it, that says when to retry."""

    retry_after_seconds = 1.5


SERVICE = Service(
    "trial.v1.TrialService",
    "octcluster-serving",
    "it is tried",
    {Refused: grpc.StatusCode.RESOURCE_EXHAUSTED},
    counted=("things",),
)
ERRORS = {b"refused": Refused("too much"), b"crowded": Crowded("too many"), b"fault": ValueError(SECRET)}
AT_WORK: asyncio.Queue[bytes] = asyncio.Queue()

LARGE = bytes(2**21)

UnaryUnary = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
StreamUnary = grpc.aio.StreamUnaryMultiCallable[bytes, bytes]
StreamStream = grpc.aio.StreamStreamMultiCallable[bytes, bytes]


async def answer(request: bytes, _context: Any) -> bytes:
    count(things=len(request))
    if request.startswith(b"wait"):
        await AT_WORK.put(request)
        await asyncio.sleep(60)
    if request in ERRORS:
        raise ERRORS[request]
    return LARGE if request == b"large" else request


async def answer_each(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    async for request in requests:
        yield await answer(request, context)


def read_letters(content: bytes) -> bytes:
    """Fails as parsers do."""
    return content.decode("ascii").encode()


class Content(bytearray):
    """What is read, as something that can be watched."""

    arrived: ClassVar[list["weakref.ref[Content]"]] = []

    @classmethod
    def read(cls, content: bytes) -> "Content":
        found = cls(content)
        cls.arrived.append(weakref.ref(found))
        return found


async def answer_the_first(requests: AsyncIterator[Content], _context: Any) -> bytes:
    async for request in requests:
        return await answer(bytes(request), _context)
    return b""


async def forget_and_wait(request: Content, _context: Any) -> bytes:
    del request
    await asyncio.sleep(60)
    return b""


async def forget_each(requests: AsyncIterator[Content], _context: Any) -> bytes:
    async for request in requests:
        del request
    return b"forgotten"


async def wait_until_let_go() -> None:
    async with asyncio.timeout(10):
        while not Content.arrived or any(content() is not None for content in Content.arrived):
            await asyncio.sleep(0.01)


class Trial:
    """A client of the service, the metrics of its server, and the spans that it has exported."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        metrics: ServerMetrics,
        tracer: CallTracer,
        spans: InMemorySpanExporter,
    ) -> None:
        self.one: UnaryUnary = channel.unary_unary(f"/{SERVICE.name}/One")
        self.each: StreamStream = channel.stream_stream(f"/{SERVICE.name}/Each")
        self.read: UnaryUnary = channel.unary_unary(f"/{SERVICE.name}/Read")
        self.read_each: StreamStream = channel.stream_stream(f"/{SERVICE.name}/ReadEach")
        self.first: StreamUnary = channel.stream_unary(f"/{SERVICE.name}/First")
        self.forget_one: UnaryUnary = channel.unary_unary(f"/{SERVICE.name}/ForgetOne")
        self.forget: StreamUnary = channel.stream_unary(f"/{SERVICE.name}/Forget")
        self._metrics = metrics
        self._tracer = tracer
        self._spans = spans

    async def send(self, request: bytes, *, streamed: bool) -> bytes:
        if not streamed:
            return await self.one(request)
        (answered,) = [one async for one in self.each(iter([request]))]
        return answered

    def calls(self, method: str, code: str) -> float | None:
        return self._metrics.registry.get_sample_value(
            "trial_requests_total", {"method": method, "code": code}
        )

    async def export_span(self) -> ReadableSpan:
        """The only span; it ends a moment after the answer."""
        while not (spans := self._spans.get_finished_spans()):
            self._tracer.flush()
            await asyncio.sleep(0.01)
        (span,) = spans
        return span


@pytest.fixture
async def trial(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Trial]:
    caplog.set_level(logging.INFO)
    metrics = ServerMetrics("trial")
    spans = InMemorySpanExporter()
    tracer = CallTracer(spans, SERVICE)
    server = grpc.aio.server(interceptors=[tracer, CallInterceptor(SERVICE, metrics)])
    methods: dict[str, grpc.RpcMethodHandler[Any, bytes]] = {
        "One": grpc.unary_unary_rpc_method_handler(answer),
        "Each": grpc.stream_stream_rpc_method_handler(answer_each),
        "Read": grpc.unary_unary_rpc_method_handler(answer, request_deserializer=read_letters),
        "ReadEach": grpc.stream_stream_rpc_method_handler(answer_each, request_deserializer=read_letters),
        "First": grpc.stream_unary_rpc_method_handler(answer_the_first, request_deserializer=Content.read),
        "ForgetOne": grpc.unary_unary_rpc_method_handler(forget_and_wait, request_deserializer=Content.read),
        "Forget": grpc.stream_unary_rpc_method_handler(forget_each, request_deserializer=Content.read),
    }
    server.add_registered_method_handlers(SERVICE.name, methods)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE.name, methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Trial(channel, metrics, tracer, spans)
    await server.stop(0)


@pytest.mark.parametrize("streamed", [False, True])
class TestBothKindsOfMethods:
    """The same holds for methods with one answer and with many."""

    async def test_a_call_is_one_line_with_its_values(
        self, trial: Trial, streamed: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert await trial.send(b"abc", streamed=streamed) == b"abc"
        method = "Each" if streamed else "One"
        (record,) = [one for one in caplog.records if hasattr(one, "request_id")]
        values = vars(record)
        assert (values["method"], values["code"], values["things"]) == (method, "OK", 3)
        assert record.getMessage().startswith(f"{method} OK: 3 things, ")
        assert record.getMessage().endswith(f" ms, request {values['request_id']}")
        assert trial.calls(method, "OK") == 1

    async def test_the_services_errors_have_their_status_and_message(
        self, trial: Trial, streamed: bool
    ) -> None:
        for request, message in ((b"refused", "too much"), (b"crowded", "too many")):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await trial.send(request, streamed=streamed)
            assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert error.value.details() == message

    async def test_another_error_is_the_servers_fault_and_its_message_stays_untold(
        self, trial: Trial, streamed: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await trial.send(b"fault", streamed=streamed)
        assert error.value.code() is grpc.StatusCode.INTERNAL
        method = "Each" if streamed else "One"
        (fault,) = [one for one in caplog.records if one.levelno == logging.ERROR]
        request_id = vars(fault)["request_id"]
        assert error.value.details() == (
            f"the server failed: look for request {request_id} in the log of octcluster-serving"
        )
        assert fault.getMessage().startswith(f"{method} failed with ValueError:\n")
        assert "in answer\n" in fault.getMessage(), "where it came from"
        assert "Doe" not in caplog.text + str(error.value.details())
        while trial.calls(method, "INTERNAL") != 1:  # it is counted after the answer
            await asyncio.sleep(0.01)

    async def test_a_span_says_what_became_of_the_call_and_quotes_no_error(
        self, trial: Trial, streamed: bool
    ) -> None:
        with pytest.raises(grpc.aio.AioRpcError):
            await trial.send(b"fault", streamed=streamed)
        span = await trial.export_span()
        assert span.name.endswith("Each" if streamed else "One")
        assert known(span.attributes)["octcluster.code"] == "INTERNAL"
        assert "AbortError" in span.to_json()
        assert "Doe" not in span.to_json()


async def test_an_error_may_say_when_to_retry(trial: Trial) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await trial.one(b"crowded")
    metadata = dict(error.value.trailing_metadata())
    assert metadata["grpc-retry-pushback-ms"] == "1500"
    status, retry_info = Status.FromString(metadata["grpc-status-details-bin"]), RetryInfo()
    assert status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert status.details[0].Unpack(retry_info)
    assert retry_info.retry_delay.ToMilliseconds() == 1500
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await trial.one(b"refused")
    assert "grpc-retry-pushback-ms" not in dict(error.value.trailing_metadata())


async def test_a_call_that_its_client_leaves_is_cancelled_and_a_late_one_too_late(trial: Trial) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await trial.one(b"wait", timeout=0.2)
    assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    left = asyncio.ensure_future(trial.send(b"wait too", streamed=False))
    while await AT_WORK.get() != b"wait too":
        pass
    left.cancel()
    while trial.calls("One", "CANCELLED") is None:
        await asyncio.sleep(0.01)
    assert trial.calls("One", "DEADLINE_EXCEEDED") == trial.calls("One", "CANCELLED") == 1


async def test_what_is_no_message_is_the_callers_fault_and_leaves_no_stack(
    trial: Trial, caplog: pytest.LogCaptureFixture
) -> None:
    broken = "Dörte".encode()
    assert await trial.read(b"sound") == b"sound"
    with pytest.raises(grpc.aio.AioRpcError) as one:
        await trial.read(broken)
    answers = trial.read_each(iter([b"sound", broken, b"late"]))
    assert await anext(aiter(answers)) == b"sound"
    with pytest.raises(grpc.aio.AioRpcError) as later:
        await anext(aiter(answers))
    for error in (one, later):
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "no message of the contract" in (error.value.details() or "")
    assert trial.calls("Read", "INVALID_ARGUMENT") == 1
    assert "Traceback" not in caplog.text
    assert not any(record.levelno >= logging.WARNING for record in caplog.records)


@pytest.mark.parametrize("limit", ["LONGEST_PAUSE_SECONDS", "LONGEST_STREAM_SECONDS"])
async def test_a_stream_that_does_not_end_is_ended(
    trial: Trial, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"octcluster_serving.requests.{limit}", 0.5)

    async def send_for_ever() -> AsyncIterator[bytes]:
        while True:
            yield b"again"
            await asyncio.sleep(60 if limit == "LONGEST_PAUSE_SECONDS" else 0.05)

    with pytest.raises(grpc.aio.AioRpcError, match="did not end within") as error:
        _ = [one async for one in trial.each(send_for_ever())]
    assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert await trial.send(b"another", streamed=True) == b"another"


async def test_a_call_whose_answers_nobody_reads_is_ended(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octcluster_serving.calls.LONGEST_UNREAD_SECONDS", 0.5)
    unread = trial.each(iter([b"large"] * 50))
    while trial.calls("Each", "CANCELLED") != 1:
        await asyncio.sleep(0.05)
    unread.cancel()
    assert await trial.send(b"another", streamed=True) == b"another"


@pytest.mark.parametrize("sent", [b"enough", b"refused"])
async def test_a_stream_that_is_not_read_to_its_end_holds_nothing(trial: Trial, sent: bytes) -> None:
    async def send() -> AsyncIterator[bytes]:
        while True:
            yield sent
            await asyncio.sleep(0.01)

    Content.arrived.clear()
    gc.disable()
    try:
        with contextlib.suppress(grpc.aio.AioRpcError):
            assert await trial.first(send()) == sent
        async with asyncio.timeout(10):
            while any(content() is not None for content in Content.arrived):
                await asyncio.sleep(0.01)
    finally:
        gc.enable()
    assert Content.arrived


def test_a_call_that_fails_holds_nothing_that_it_has_read() -> None:
    held: list[weakref.ref[Content]] = []

    def read() -> None:
        content = Content()
        held.append(weakref.ref(content))
        raise ValueError

    with pytest.raises(ValueError) as caught, _letting_go():  # noqa: PT011
        read()
    assert caught.tb is not None
    assert held[0]() is None


async def test_a_stream_holds_nothing_while_the_next_message_is_waited_for(trial: Trial) -> None:
    Content.arrived.clear()
    gc.disable()
    try:
        call = trial.forget()
        await call.write(b"first")
        await wait_until_let_go()
        await call.done_writing()
        assert await call == b"forgotten"
    finally:
        gc.enable()


async def test_a_call_at_work_holds_no_request_that_its_method_let_go_of(trial: Trial) -> None:
    Content.arrived.clear()
    call = trial.forget_one(b"large")
    await wait_until_let_go()
    call.cancel()
