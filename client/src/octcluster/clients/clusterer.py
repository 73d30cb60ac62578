"""The clusterer's client for calls that block; its twin for asyncio is in clients.async_clusterer.

Every call may be repeated: vectors are stored under their keys, and a run is known by an id that the client
draws. So vectors go in one call a chunk, which is sent again as a whole when it breaks, and a run's members
are kept until the clusterer has acknowledged them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Self

import grpc
from octcluster_protos.clusterer.v1 import clusterer_pb2 as messages
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import ClustererServiceStub

from octcluster.clients.batches import cut
from octcluster.clients.clusterer_calls import (
    SERVICE,
    WATCH_SECONDS,
    add_to_report,
    assign_requests,
    check_request,
    entry_bytes,
    get_requests,
    put_cutter,
    put_request,
    read_vectors,
    result_of,
    succeeded,
    watch_broke,
    watch_failure,
    with_run_id,
)
from octcluster.clients.clusterer_conversions import (
    read_assignments,
    read_clusterer_info,
    read_placements,
    read_status,
    space_message,
    start_run_messages,
)
from octcluster.clients.connection import Connection, Endpoint, OnWait, Outage
from octcluster.model.results import Assignments, Placements, RunResult
from octcluster.model.runs import Member, RunSpec, RunStatus, VectorSpace
from octcluster.model.server_info import ClustererInfo, PutReport


class ClustererClient:
    """Calls a clusterer; safe to use from several threads.

    Close it after use, or use it in a ``with`` block.

    Attributes:
        address: Where the clusterer is.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout_seconds: float = 60,
        retry_seconds: float = 30,
        on_wait: OnWait | None = None,
    ) -> None:
        """Prepares the connection; the first call makes it.

        Args:
            address: See connection.target_of.
            timeout_seconds: Deadline of each call.
            retry_seconds: How long a call is repeated while the clusterer, or its vector cache, is away.
            on_wait: Told in a sentence before a call is repeated; an error that it raises ends the wait.
        """
        self.address = address
        self._connection = Connection(Endpoint(SERVICE, address, timeout_seconds, retry_seconds, on_wait))
        self._stub = ClustererServiceStub(self._connection.channel)
        self._info: ClustererInfo | None = None

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
            vectors.update(
                self._connection.call(
                    lambda request, timeout: read_vectors(self._stub.GetVectors(request, timeout=timeout)),
                    request,
                )
            )
        return vectors

    def check_run(self, spec: RunSpec, members: int) -> None:
        """Asks whether a run could be done, before its members have vectors.

        Args:
            spec: What the run shall do.
            members: Number of images to cluster.

        Raises:
            RequestRefused: It could not: the spec breaks a rule, or the clusterer lacks the memory.
        """
        self._connection.call(self._stub.CheckRun, check_request(spec, members))

    def start_run(self, spec: RunSpec, members: Iterable[Member]) -> RunStatus:
        """Queues a run. Repeating it with the same run id does nothing more.

        Args:
            spec: What the run shall do; without a run id, one is drawn.
            members: The images to cluster; each must have a vector in the cache.

        Returns:
            Status of the run, with its id.
        """
        limit = self.info().limits.max_keys_per_message
        requests = list(start_run_messages(with_run_id(spec), list(members), limit))
        return read_status(self._connection.call_with_stream(self._stub.StartRun, requests).status)

    def watch(self, run_id: str) -> Iterator[RunStatus]:
        """Follows a run, also over breaks of the connection.

        Args:
            run_id: Id of the run.

        Yields:
            Its status now and after each change; the last one says how it ended.

        Raises:
            RunNotFound: The clusterer does not know the run.
            ServerUnavailable: It is away, or says nothing, for longer than retry_seconds.
        """
        endpoint = self._connection.endpoint
        outage = Outage(endpoint.retry_seconds)
        while True:
            call = self._stub.WatchRun(messages.WatchRunRequest(run_id=run_id), timeout=WATCH_SECONDS)
            answered = False
            try:
                for response in call:
                    answered = True
                    outage.end()
                    status = read_status(response.status)
                    yield status
                    if status.state.ended:
                        return
                self._connection.wait(outage, watch_broke(endpoint))
            except grpc.RpcError as error:
                if (failure := watch_failure(endpoint, error, answered)) is not None:
                    self._connection.wait(outage, failure)
            finally:
                call.cancel()

    def wait(self, run_id: str, on_status: Callable[[RunStatus], None] | None = None) -> RunStatus:
        """Waits until a run has ended.

        Args:
            run_id: Id of the run.
            on_status: Told each status on the way.

        Returns:
            The status of the run that has succeeded.

        Raises:
            RunFailed: It ended with an error.
            RunCancelled: It was cancelled.
        """
        for status in self.watch(run_id):
            if on_status is not None:
                on_status(status)
        return succeeded(status)

    def status(self, run_id: str) -> RunStatus:
        """Where a run stands."""
        request = messages.GetRunRequest(run_id=run_id)
        return read_status(self._connection.call(self._stub.GetRun, request).status)

    def result(self, run_id: str) -> RunResult:
        """What a run found.

        Args:
            run_id: Id of a run that has succeeded.

        Returns:
            Its result, without the assignments.

        Raises:
            NotReady: It is still at work.
            RunFailed: It ended with an error.
            RunCancelled: It was cancelled.
        """
        return result_of(self._connection.call(self._stub.GetRun, messages.GetRunRequest(run_id=run_id)))

    def assignments(self, run_id: str, result_index: int) -> Assignments:
        """The cluster of each member.

        Args:
            run_id: Id of a run that has succeeded.
            result_index: Index into RunResult.results.

        Returns:
            The assignments in the order of the members.
        """
        request = messages.StreamAssignmentsRequest(run_id=run_id, result_index=result_index)
        return self._connection.call(
            lambda request, timeout: read_assignments(self._stub.StreamAssignments(request, timeout=timeout)),
            request,
        )

    def assign(self, run_id: str, result_index: int, image_keys: Sequence[bytes]) -> Placements:
        """Puts images into the clusters of a finished run, without changing it.

        Args:
            run_id: Id of a run that has succeeded.
            result_index: Index into RunResult.results.
            image_keys: Keys of 32 bytes, any number; images of the run or others.

        Returns:
            The assignments; images without a vector in the run's space are left out.

        Raises:
            RunNotFound: The clusterer does not know the run (any more).
        """
        responses: list[messages.AssignResponse] = []
        for request in assign_requests(run_id, result_index, image_keys, self.info().limits):
            responses += self._connection.call(
                lambda request, timeout: list(self._stub.Assign(request, timeout=timeout)), request
            )
        return read_placements(responses)

    def cancel(self, run_id: str) -> RunStatus:
        """Asks a run to stop; it may go on for a moment."""
        request = messages.CancelRunRequest(run_id=run_id)
        return read_status(self._connection.call(self._stub.CancelRun, request).status)

    def list_runs(self) -> list[RunStatus]:
        """The runs that the clusterer knows, the newest first."""
        response = self._connection.call(self._stub.ListRuns, messages.ListRunsRequest())
        return [read_status(run) for run in response.runs]

    def delete(self, run_id: str) -> None:
        """Forgets a run and its result, cancelling it if need be; cached vectors stay."""
        self._connection.call(self._stub.DeleteRun, messages.DeleteRunRequest(run_id=run_id))

    def close(self) -> None:
        """Ends the connection and all calls on it."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
