"""Health of the server: what it says of itself, and how to ask it."""

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

EMBEDDER_SERVICE = "octcluster.embedder.v1.EmbedderService"

_ASK_SECONDS = 3.0


async def report_health(servicer: health.aio.HealthServicer, *, serving: bool) -> None:
    """Says of the server as a whole and of its service whether it serves."""
    status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
    for service in ("", EMBEDDER_SERVICE):
        await servicer.set(service, status)


def ask_health(listen: str) -> str | None:
    """Asks the server that listens at this address for its health.

    Args:
        listen: Address as the server was given it; one that stands for all interfaces is asked on loopback.

    Returns:
        None if the server serves, else what is wrong.
    """
    address = listen.replace("0.0.0.0:", "127.0.0.1:", 1).replace("[::]:", "[::1]:", 1)
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        request = health_pb2.HealthCheckRequest(service=EMBEDDER_SERVICE)
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=_ASK_SECONDS)
        except grpc.RpcError as error:
            return f"no answer from {listen}: {error.code().name}"
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        return "the server does not serve: it is loading its model, or stopping"
    return None
