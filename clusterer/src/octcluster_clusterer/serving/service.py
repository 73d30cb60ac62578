"""The clusterer's service, as the shell knows it, with the gRPC status of each error that ends a call."""

import grpc
from octcluster_serving.service import Service

from octcluster_clusterer.errors import (
    CannotAssign,
    FittedRunNotFound,
    InvalidRequest,
    NotAllowed,
    QueueFull,
    RunNotFinished,
    RunNotFound,
    ServerStopping,
    StoreRefused,
    StoreUnavailable,
)

CLUSTERER = Service(
    name="octcluster.clusterer.v1.ClustererService",
    program="octcluster-clusterer",
    alive_before_serving=True,
    reason_not_serving="it does not reach Redis or its vectors, or is stopping",
    status_of_error={
        InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
        RunNotFound: grpc.StatusCode.NOT_FOUND,
        RunNotFinished: grpc.StatusCode.FAILED_PRECONDITION,
        FittedRunNotFound: grpc.StatusCode.NOT_FOUND,
        CannotAssign: grpc.StatusCode.FAILED_PRECONDITION,
        NotAllowed: grpc.StatusCode.PERMISSION_DENIED,
        QueueFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
        StoreRefused: grpc.StatusCode.FAILED_PRECONDITION,  # before the kind that it is one of
        StoreUnavailable: grpc.StatusCode.UNAVAILABLE,
        ServerStopping: grpc.StatusCode.UNAVAILABLE,
    },
)
