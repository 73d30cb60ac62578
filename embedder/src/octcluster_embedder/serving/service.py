"""The embedder's service, as the shell knows it, with the gRPC status of each error that ends a call."""

import grpc
from octcluster_serving.service import Service

from octcluster_embedder.errors import InvalidRequest, NotServing, Overloaded, TooLate

EMBEDDER = Service(
    name="octcluster.embedder.v1.EmbedderService",
    program="octcluster-embedder",
    reason_not_serving="it is loading its model, or stopping",
    status_of_error={
        InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
        NotServing: grpc.StatusCode.UNAVAILABLE,
        Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
        TooLate: grpc.StatusCode.DEADLINE_EXCEEDED,
    },
    counted=("items", "errors", "bytes"),
)
