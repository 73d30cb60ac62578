"""Clusterers that misbehave, on a real gRPC server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import (
    ClustererServiceServicer,
    add_ClustererServiceServicer_to_server,
)


@contextmanager
def serving_clusterer(servicer: ClustererServiceServicer, folder: Path) -> Iterator[str]:
    """Serves methods of the clusterer on a socket in a folder; gives its address."""
    server = grpc.server(ThreadPoolExecutor(4))
    add_ClustererServiceServicer_to_server(servicer, server)
    address = f"unix:{folder}/s"
    server.add_insecure_port(address)
    server.start()
    yield address
    server.stop(0).wait()
