"""A fault of the server itself, seen from outside and in the log: a clusterer around broken parts."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import grpc
import pytest
from octcluster_clusterer.metrics import Metrics
from octcluster_clusterer.serving.conversions import Limits
from octcluster_clusterer.serving.service import CLUSTERER
from octcluster_clusterer.serving.servicer import ClustererServicer
from octcluster_clusterer.settings import Settings
from octcluster_clusterer.store.redis import RedisStore
from octcluster_clusterer.store.redis_vectors import RedisVectors
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import (
    ClustererServiceStub,
    add_ClustererServiceServicer_to_server,
)
from octcluster_serving.metrics import ServerMetrics
from octcluster_serving.server import running_server

if TYPE_CHECKING:
    from octcluster_clusterer.assignment.fitted_store import FittedStore
    from octcluster_clusterer.runs.queue import RunQueue

SECRET = "Doe^Jane 1950-01-01"
SPACE = pb.VectorSpace(digest=b"\x07" * 32, data_type=pb.DATA_TYPE_FLOAT32, dimension=4)


class BrokenStore(RedisStore):
    """Fails in a way that nobody foresaw, and quotes what it got."""

    def read_values(self, keys: Sequence[bytes]) -> list[bytes | None]:
        raise ValueError(SECRET)


async def test_an_unexpected_error_is_internal_and_says_nothing_of_its_cause(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vectors = RedisVectors(BrokenStore("unix:///nowhere.sock"))
    no_runs = cast("RunQueue", None)  # these calls ask for vectors alone
    no_fitted = cast("FittedStore", None)
    servicer = ClustererServicer(vectors, no_runs, no_fitted, Limits(2**20, 10, 10, 1), Metrics())
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
        where = f"look for request {vars(fault)['request_id']} in the log of octcluster-clusterer"
        assert where in str(error.value.details())
        assert "with ValueError:\n" in fault.getMessage()
        assert "in read_values\n" in fault.getMessage()
        assert "Doe" not in str(error.value.details())
    assert "Doe" not in caplog.text
