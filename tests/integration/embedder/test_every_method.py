"""What holds for every method of the embedder, whatever it does: bad requests, clients that leave."""

import contextlib
import time
from collections.abc import Iterator

import grpc
import pytest
from every_method import NO_MESSAGE, NOT_UTF8, Method, list_methods
from metrics_page import read_metric
from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from processes import Server, free_port, running_service
from waiting import wait_until

METHODS = list_methods(pb.DESCRIPTOR.services_by_name["EmbedderService"])
METRICS = f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    arguments = ("--models", "pixels", "--metrics-listen", METRICS, "--log-level", "debug")
    with running_service("octcluster_embedder", *arguments) as running:
        yield running


@pytest.fixture(scope="module")
def channel(server: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.address) as channel:
        yield channel


@pytest.fixture(autouse=True)
def no_stack(server: Server) -> Iterator[None]:
    yield
    assert "Traceback" not in server.log
    assert "INTERNAL" not in server.log
    assert "planted" not in server.log


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize("content", [NO_MESSAGE, NOT_UTF8], ids=["no message", "no utf-8"])
def test_what_is_no_message_is_refused(method: Method, content: bytes, channel: grpc.Channel) -> None:
    code, details = method.refusal(channel, content)
    if content == NOT_UTF8 and not method.descriptor.input_type.fields:
        assert code == grpc.StatusCode.OK, "an unknown field is no fault"
        return
    assert code == grpc.StatusCode.INVALID_ARGUMENT, details
    assert "no message of the contract" in details


@pytest.mark.parametrize("name", ["planted\nline", "../planted", "planted\x1b[31m", "planted" * 1_000_000])
def test_what_is_no_model_is_refused_and_not_quoted(name: str, channel: grpc.Channel) -> None:
    request = pb.EmbedRequest(model=name, features=pb.FEATURES_PIXELS, items=[pb.EmbedItem(image=b"x")])
    (embed,) = (method for method in METHODS if method.name == "Embed")
    code, details = embed.refusal(channel, request.SerializeToString())
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert details == "this server does not serve that model; it serves: pixels"


@pytest.mark.parametrize("late", [False, True], ids=["leaves", "deadline"])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_client_that_leaves_is_no_fault_of_the_server(method: Method, late: bool, server: Server) -> None:
    code = "DEADLINE_EXCEEDED" if late else "CANCELLED"
    request = method.new_request()
    if method.name == "Embed":
        items = [pb.EmbedItem(id=number, image=b"no image" * 100) for number in range(64)]
        request = pb.EmbedRequest(features=pb.FEATURES_PIXELS, items=items)

    def count() -> float:
        name = "octcluster_embedder_requests_total"
        return sum(
            read_metric(METRICS, f'{name}{{code="{one}",method="{method.name}"}}') for one in (code, "OK")
        )

    before = count()

    def leave_counted() -> bool:
        with grpc.insecure_channel(server.address) as channel:
            sent = iter([request.SerializeToString()])
            call = method.call(channel, sent, timeout=0.05 if late else 20)
            with contextlib.suppress(grpc.RpcError):
                if late:
                    method.finish(call)
                else:
                    time.sleep(0.02)  # it may have arrived or not: else it is sent again
            call.cancel()
        return count() > before

    wait_until(leave_counted)
