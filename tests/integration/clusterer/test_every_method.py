"""What holds for every method of the clusterer, whatever it does: bad requests, ids, clients that leave."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator

import grpc
import pytest
from every_method import NO_MESSAGE, NOT_UTF8, Method, fill_field, list_methods
from metrics_page import read_metric
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from processes import Server, free_port, running_service
from stores import started_store
from waiting import wait_until

from .conftest import SPACE, Blobs, Clusterer, long_spec, new_spec

METHODS = list_methods(pb.DESCRIPTOR.services_by_name["ClustererService"])
METRICS = f"127.0.0.1:{free_port()}"
WITH_RUN_ID = [method for method in METHODS if fill_field(method.new_request(), "run_id", "x")]
BAD_IDS = {
    "empty": "",
    "newline": "planted-id\nsecond line",
    "control": "planted-id\x1b[31m\x00",
    "path": "../../planted-id",
    "too long": "planted-id" * 1_000_000,
    "upper case": "A" * 32,
    "owned": "0123456789abcdef:" + "0" * 32,
    "not ascii": "planted-id-\u0665" * 3,
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with (
        started_store("valkey") as store,
        running_service(
            "octcluster_clusterer",
            "--redis-url",
            store.url,
            "--metrics-listen",
            METRICS,
            "--log-level",
            "debug",
        ) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Clusterer]:
    client = Clusterer(server.address)
    yield client
    client.channel.close()


@pytest.fixture(autouse=True)
def no_stack(server: Server) -> Iterator[None]:
    yield
    assert "Traceback" not in server.log
    assert "INTERNAL" not in server.log
    assert "planted-id" not in server.log
    assert "second line" not in server.log


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize("content", [NO_MESSAGE, NOT_UTF8], ids=["no message", "no utf-8"])
def test_what_is_no_message_is_refused(method: Method, content: bytes, client: Clusterer) -> None:
    code, details = method.refusal(client.channel, content)
    if content == NOT_UTF8 and not method.descriptor.input_type.fields:
        assert code == grpc.StatusCode.OK, "an unknown field is no fault"
        return
    if content == NOT_UTF8 and method.name == "DeleteVectors":
        assert details == "each image key must have 32 bytes"
        return
    if content == NOT_UTF8 and method.name == "PutFittedRun":
        assert "no file of a fitted run" in details or code == grpc.StatusCode.INVALID_ARGUMENT
        return
    assert code == grpc.StatusCode.INVALID_ARGUMENT, details
    assert "no message of the contract" in details


@pytest.mark.parametrize("method", WITH_RUN_ID, ids=lambda method: method.name)
@pytest.mark.parametrize("kind", BAD_IDS)
def test_what_is_no_id_of_a_run_is_refused(method: Method, kind: str, client: Clusterer) -> None:
    request = method.new_request()
    fill_field(request, "run_id", BAD_IDS[kind])
    code, details = method.refusal(client.channel, request.SerializeToString())
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert details == "run_id must be 32 lower-case hexadecimal digits"


def test_runs_have_ids_in_these_methods() -> None:
    """If this fails, a new method has an id under another name: see that it is checked, and add it here."""
    assert len(WITH_RUN_ID) == len(METHODS) - len(
        {
            "GetServerInfo",
            "FindMissingVectors",
            "PutVectors",
            "GetVectors",
            "DeleteVectors",
            "PutFittedRun",
            "ListRuns",
        }
    )


@pytest.mark.parametrize("key", [b"", b"\n" * 31, b"planted-id" * 100_000], ids=["empty", "short", "huge"])
def test_what_is_no_image_key_or_digest_is_refused(key: bytes, client: Clusterer) -> None:
    requests = {
        "FindMissingVectors": pb.FindMissingVectorsRequest(space=SPACE, image_keys=[key]),
        "GetVectors": pb.GetVectorsRequest(space=SPACE, image_keys=[key]),
        "DeleteVectors": pb.DeleteVectorsRequest(image_keys=[key]),
        "PutVectors": pb.PutVectorsRequest(space=SPACE, entries=[pb.VectorEntry(image_key=key, vector=b"v")]),
        "Assign": pb.AssignRequest(run_id="0" * 32, image_keys=[key]),
    }
    if key:
        requests["Assign"] = pb.AssignRequest(fitted_digest=key, image_keys=[b"k" * 32])
    for method in METHODS:
        if method.name in requests:
            code, _ = method.refusal(client.channel, requests[method.name].SerializeToString())
            assert code == grpc.StatusCode.INVALID_ARGUMENT, method.name


def count_calls(code: str, method: str) -> float:
    labels = f'{{code="{code}",method="{method}"}}'
    return read_metric(METRICS, f"octcluster_clusterer_requests_total{labels}")


@pytest.fixture(scope="module")
def blobs(client: Clusterer) -> Blobs:
    drawn = Blobs.draw(3000)
    client.put(drawn.entries())
    return drawn


@pytest.fixture(scope="module")
def finished(client: Clusterer, blobs: Blobs) -> str:
    """The id of a run with a result."""
    spec = new_spec(max_clusters=5)
    client.start(spec, blobs)
    assert client.watch(spec.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED
    return spec.run_id


def hold_open(*requests: bytes) -> Iterator[bytes]:
    """Requests of a client that sends no more, and does not say so."""
    yield from requests
    threading.Event().wait(30)


STREAMS = [method for method in METHODS if method.streams_requests or method.streams_answers]


@pytest.mark.parametrize("late", [False, True], ids=["leaves", "deadline"])
@pytest.mark.parametrize("method", STREAMS, ids=lambda method: method.name)
def test_a_client_that_leaves_a_stream_is_no_fault_of_the_server(
    method: Method, late: bool, client: Clusterer, blobs: Blobs, finished: str, server: Server
) -> None:
    spec = long_spec() if method.name == "WatchRun" else new_spec()
    if method.name == "WatchRun":
        client.start(spec, blobs)
    request = {
        "PutVectors": pb.PutVectorsRequest(space=SPACE, entries=blobs.entries()[:9]),
        "GetVectors": pb.GetVectorsRequest(space=SPACE, image_keys=blobs.keys * 2),
        "StartRun": pb.StartRunRequest(spec=spec, member_count=3000),
        "WatchRun": pb.WatchRunRequest(run_id=spec.run_id),
        "StreamAssignments": pb.StreamAssignmentsRequest(run_id=finished),
        "Assign": pb.AssignRequest(run_id=finished, image_keys=blobs.keys),
        "GetFittedRun": pb.GetFittedRunRequest(run_id=finished),
        "PutFittedRun": pb.PutFittedRunRequest(data=b"a first piece"),
    }[method.name]
    code = "DEADLINE_EXCEEDED" if late else "CANCELLED"
    before, done = count_calls(code, method.name), count_calls("OK", method.name)

    def leave_counted() -> bool:
        with grpc.insecure_channel(server.address) as channel:
            call = method.call(channel, hold_open(request.SerializeToString()), timeout=0.5 if late else 20)
            with contextlib.suppress(grpc.RpcError):  # a short answer may be whole before its deadline
                if late:
                    method.finish(call)
                elif method.streams_answers:
                    next(iter(call))
                else:
                    time.sleep(0.1)  # it may have arrived or not: else it is sent again
            call.cancel()
        # One with few answers may be done before its client leaves: then it is OK, and nothing else.
        return count_calls(code, method.name) + count_calls("OK", method.name) > before + done

    wait_until(leave_counted)
    if method.name == "StartRun":
        with pytest.raises(grpc.RpcError, match="no run has this id"):
            client.get(spec.run_id)  # no half of it
    elif method.name == "WatchRun":
        client.cancel(spec.run_id)
        assert client.watch(spec.run_id)[-1].state == pb.RUN_STATE_CANCELLED


def test_a_run_whose_client_leaves_before_all_members_are_sent_never_starts(
    client: Clusterer, server: Server, blobs: Blobs
) -> None:
    (start,) = (one for one in METHODS if one.name == "StartRun")
    ids = [os.urandom(16).hex() for _ in range(20)]
    for run_id in ids:
        first = pb.StartRunRequest(spec=new_spec(run_id=run_id), member_count=3000).SerializeToString()
        some = pb.StartRunRequest(members=pb.MemberChunk(image_keys=blobs.keys[:100])).SerializeToString()
        with grpc.insecure_channel(server.address) as channel:
            call = start.call(channel, hold_open(first, some))
            wait_until(call.running)
            call.cancel()
    wait_until(lambda: "StartRun" in server.log)
    listed = {run.run_id for run in client.stub.ListRuns(pb.ListRunsRequest(), timeout=20).runs}
    assert listed.isdisjoint(ids)


def test_a_cancelled_map_leaves_no_stack(client: Clusterer, blobs: Blobs) -> None:
    spec = new_spec(umap=True)
    client.start(spec, Blobs(blobs.vectors[:300], blobs.classes[:300], blobs.keys[:300]))
    wait_until(lambda: client.get(spec.run_id).status.stage == pb.RUN_STAGE_MAPPING)
    client.cancel(spec.run_id)
    assert client.watch(spec.run_id)[-1].state == pb.RUN_STATE_CANCELLED
