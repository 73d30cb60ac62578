"""A fault of the server itself, seen from outside and in the log: a clusterer around broken parts."""

import logging
from functools import partial
from pathlib import Path

import grpc
import pytest
from octcluster_clusterer.serving.conversions import Limits
from octcluster_clusterer.serving.service import CLUSTERER
from octcluster_clusterer.serving.servicer import ClustererServicer
from octcluster_clusterer.settings import Settings
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import (
    ClustererServiceStub,
    add_ClustererServiceServicer_to_server,
)
from octcluster_serving.metrics import ServerMetrics
from octcluster_serving.server import running_server

SECRET = "Doe^Jane 1950-01-01"
SPACE = pb.VectorSpace(digest=b"\x07" * 32, data_type=pb.DATA_TYPE_FLOAT32, dimension=4)


class BrokenVectors:
    """Fails in a way that nobody foresaw, and quotes what it got."""

    def find_missing(self, *_: object) -> None:
        raise ValueError(SECRET)

    get = find_missing


async def test_an_unexpected_error_is_internal_and_says_nothing_of_its_cause(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    servicer = ClustererServicer(BrokenVectors(), None, Limits(2**20, 10, 10, 1))
    settings = Settings.load(["--listen", f"unix:{tmp_path}/s.sock"])
    add_servicer = partial(add_ClustererServiceServicer_to_server, servicer)
    async with (
        running_server(CLUSTERER, settings, ServerMetrics("trial"), add_servicer),
        grpc.aio.insecure_channel(settings.listen) as channel,
    ):
        stub, keys = ClustererServiceStub(channel), [b"k" * 32]
        with pytest.raises(grpc.RpcError) as unary:
            await stub.FindMissingVectors(pb.FindMissingVectorsRequest(space=SPACE, image_keys=keys))
        with pytest.raises(grpc.RpcError) as stream:
            _ = [one async for one in stub.GetVectors(pb.GetVectorsRequest(space=SPACE, image_keys=keys))]
    for method, error in (("FindMissingVectors", unary), ("GetVectors", stream)):
        assert error.value.code() == grpc.StatusCode.INTERNAL
        (fault,) = [one for one in caplog.records if one.getMessage().startswith(f"{method} failed")]
        assert (
            f"look for request {fault.request_id} in the log of octcluster-clusterer" in error.value.details()
        )
        assert "with ValueError:\n" in fault.getMessage()
        assert "in find_missing\n" in fault.getMessage()
        assert "Doe" not in error.value.details()
    assert "Doe" not in caplog.text
