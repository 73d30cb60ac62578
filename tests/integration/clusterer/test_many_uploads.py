"""Uploads that stand still do not keep others out, and many at once all have their turn."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from known import known
from octcluster_clusterer.serving.upload_turns import RUNS_AT_ONCE
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb

from .conftest import Blobs, Clusterer, new_spec


def test_uploads_that_stand_still_do_not_keep_another_out(clusterer: Clusterer, blobs: Blobs) -> None:
    left = threading.Event()

    def send_and_stand_still() -> Iterator[pb.StartRunRequest]:
        yield pb.StartRunRequest(spec=new_spec(), member_count=2)
        yield pb.StartRunRequest(members=pb.MemberChunk(image_keys=blobs.keys[:1]))
        left.wait(60)

    standing = [
        clusterer.stub.StartRun.future(send_and_stand_still(), timeout=60) for _ in range(RUNS_AT_ONCE)
    ]
    spec = new_spec()
    assert clusterer.start(spec, blobs).run_id == spec.run_id
    assert clusterer.watch(spec.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED
    ended = next(call for call in standing if call.done())
    with pytest.raises(grpc.RpcError) as caught:
        ended.result()
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "this stream paused for 5 s" in known(caught.value.details())
    for call in standing:
        call.cancel()
    left.set()


def test_more_uploads_than_are_read_at_a_time_all_arrive(clusterer: Clusterer, blobs: Blobs) -> None:
    # All are the same run: repeating it is harmless, and the queue holds two.
    spec = new_spec()
    with ThreadPoolExecutor(3 * RUNS_AT_ONCE) as threads:
        started = threads.map(lambda _: clusterer.start(spec, blobs, chunk=20), range(3 * RUNS_AT_ONCE))
        assert {status.run_id for status in started} == {spec.run_id}
