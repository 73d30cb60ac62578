"""The half of the clusterer's client that connects, and that puts vectors into its cache and gets them.

Vectors are stored under their keys, so every call may be repeated: they go in one call a chunk, which is sent
again as a whole when it breaks.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Self

from octcluster_protos.clusterer.v1 import clusterer_pb2 as messages
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import ClustererServiceStub

from octcluster.clients.batches import cut
from octcluster.clients.clusterer_calls import (
    SERVICE,
    add_to_report,
    entry_bytes,
    get_requests,
    put_cutter,
    put_request,
    read_vectors,
)
from octcluster.clients.clusterer_conversions import (
    read_clusterer_info,
    space_message,
)
from octcluster.clients.connection import Connection
from octcluster.clients.endpoint import Endpoint, OnWait
from octcluster.clients.security import Tls
from octcluster.model.runs import VectorSpace
from octcluster.model.server_info import ClustererInfo, PutReport


class ClustererVectors:
    """The half of ClustererClient that connects to a clusterer and knows its vector cache.

    Attributes:
        address: Where the clusterer is.
    """

    def __init__(  # noqa: PLR0913 - all but the address are named, and have a default
        self,
        address: str,
        *,
        timeout_seconds: float = 60,
        retry_seconds: float = 30,
        on_wait: OnWait | None = None,
        tls: Tls | None = None,
        token: str | None = None,
        traceparent: str | None = None,
    ) -> None:
        """Prepares the connection; the first call makes it.

        Args:
            address: See endpoint.target_of.
            timeout_seconds: Deadline of each call.
            retry_seconds: How long a call is repeated while the clusterer, or its vector cache, is away.
            on_wait: Told in a sentence before a call is repeated; an error that it raises ends the wait.
            tls: How to secure the connection; None: plain text, for the own machine and closed networks.
            token: The token that the clusterer wants to see.
            traceparent: The trace that the calls belong to, as W3C Trace Context writes it; None: none.

        Raises:
            AddressInvalid: The address cannot be one.
            InvalidArguments: A file of tls cannot be read, or the token would travel unencrypted.
        """
        self.address = address
        self._connection = Connection(
            Endpoint(SERVICE, address, timeout_seconds, retry_seconds, on_wait, tls, token, traceparent)
        )
        self._stub = ClustererServiceStub(self._connection.channel)
        self._info: ClustererInfo | None = None

    @property
    def trace_id(self) -> str:
        """The trace that the calls belong to, 32 hexadecimal digits; empty if there is none."""
        return self._connection.endpoint.trace_id

    def info(self) -> ClustererInfo:
        """What the clusterer offers; asked once."""
        if self._info is None:
            request = messages.GetServerInfoRequest()
            self._info = read_clusterer_info(self._connection.call(self._stub.GetServerInfo, request))
        return self._info

    def wait_until_serving(self, seconds: float, on_wait: OnWait | None = None) -> ClustererInfo:
        """Waits until the clusterer serves.

        Args:
            seconds: For how long at most.
            on_wait: Told about once a second; an error that it raises ends the wait.

        Returns:
            What it offers.

        Raises:
            ServerUnavailable: It did not serve in time.
        """
        ask = partial(self._stub.GetServerInfo, messages.GetServerInfoRequest())
        self._info = read_clusterer_info(self._connection.wait_until_serving(ask, seconds, on_wait))
        return self._info

    def find_missing(self, space: VectorSpace, image_keys: Sequence[bytes]) -> list[bytes]:
        """Tells which of the images have no vector in the cache.

        Args:
            space: Space of the vectors.
            image_keys: Keys of 32 bytes, any number.

        Returns:
            The keys without a vector, in the same order.
        """
        missing: list[bytes] = []
        for keys in cut(image_keys, self.info().limits.max_keys_per_message):
            request = messages.FindMissingVectorsRequest(space=space_message(space), image_keys=keys)
            missing.extend(self._connection.call(self._stub.FindMissingVectors, request).missing_image_keys)
        return missing

    def put_vectors(self, space: VectorSpace, vectors: Iterable[tuple[bytes, bytes]]) -> PutReport:
        """Stores vectors in the cache, chunk by chunk as they come.

        Args:
            space: Space of the vectors.
            vectors: Pairs of image key and vector (little-endian values), any number.

        Returns:
            How many were stored, and which were not and why.
        """
        report = PutReport()
        cutter = put_cutter(self.info().limits)
        for key, vector in vectors:
            self._put(space, cutter.add((key, vector), entry_bytes(vector)), report)
        self._put(space, cutter.flush(), report)
        return report

    def _put(self, space: VectorSpace, chunk: list[tuple[bytes, bytes]], report: PutReport) -> None:
        if chunk:
            requests = [put_request(space, chunk)]
            add_to_report(report, self._connection.call_with_stream(self._stub.PutVectors, requests))

    def get_vectors(self, space: VectorSpace, image_keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Fetches vectors from the cache.

        Args:
            space: Space of the vectors.
            image_keys: Keys of 32 bytes, any number.

        Returns:
            Vector (little-endian values) by image key; images without one are left out.
        """
        vectors: dict[bytes, bytes] = {}
        for request in get_requests(space, image_keys, self.info().limits):
            vectors.update(read_vectors(self._connection.call_for_stream(self._stub.GetVectors, request)))
        return vectors

    def delete_vectors(self, image_keys: Sequence[bytes]) -> int:
        """Removes all that the cache has of some images, in every embedding space. Runs stay.

        Args:
            image_keys: Keys of 32 bytes, any number.

        Returns:
            How many vectors there were; fewer are told if a call was repeated because its connection broke.

        Raises:
            AccessDenied: This caller may not change the cache.
        """
        deleted = 0
        for keys in cut(image_keys, self.info().limits.max_keys_per_message):
            request = messages.DeleteVectorsRequest(image_keys=keys)
            deleted += self._connection.call(self._stub.DeleteVectors, request).deleted
        return deleted

    def close(self) -> None:
        """Ends the connection and all calls on it."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
