"""The clusterer's client for calls that block; its twin for asyncio is in clients.async_clusterer.

Every call may be repeated: a run is known by an id that the client draws, and its members are kept until the
clusterer has acknowledged them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import grpc
from octcluster_protos.clusterer.v1 import clusterer_pb2 as messages

from octcluster.clients.assignment_reader import AssignmentReader
from octcluster.clients.clusterer_calls import (
    WATCH_SECONDS,
    RunTarget,
    StartRunRequests,
    assign_requests,
    check_request,
    file_requests,
    join_pieces,
    result_of,
    succeeded,
    watch_broke,
    watch_failure,
    with_run_id,
)
from octcluster.clients.clusterer_conversions import (
    read_placements,
    read_status,
)
from octcluster.clients.clusterer_vectors import ClustererVectors
from octcluster.clients.endpoint import Outage
from octcluster.model.placements import Placements
from octcluster.model.results import Assignments, RunResult
from octcluster.model.runs import Member, RunSpec, RunStatus


class ClustererClient(ClustererVectors):
    """Calls a clusterer; safe to use from several threads.

    Close it after use, or use it in a ``with`` block.

    Attributes:
        address: Where the clusterer is.
    """

    def check_run(self, spec: RunSpec, members: int, units: int | None = None) -> None:
        """Asks whether a run could be done, before its members have vectors.

        Args:
            spec: What the run shall do.
            members: Number of images to cluster.
            units: Number of units that they make; None: each is one.

        Raises:
            RequestRefused: It could not: the spec breaks a rule, or the clusterer lacks the memory.
        """
        self._connection.call(self._stub.CheckRun, check_request(spec, members, units))

    def start_run(self, spec: RunSpec, members: Iterable[Member]) -> RunStatus:
        """Queues a run. Repeating it with the same run id does nothing more.

        Args:
            spec: What the run shall do; without a run id, one is drawn.
            members: The images to cluster; each must have a vector in the cache.

        Returns:
            Status of the run, with its id.
        """
        requests = StartRunRequests(with_run_id(spec), members, self.info().limits)
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
            request = messages.WatchRunRequest(run_id=run_id)
            call = self._connection.watch(self._stub.WatchRun, request, WATCH_SECONDS)
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

        def read(request: messages.StreamAssignmentsRequest, **how: Any) -> Assignments:
            reader = AssignmentReader()
            for response in self._stub.StreamAssignments(request, **how):
                reader.add(response)
            return reader.assignments()

        return self._connection.call(read, request)

    def assign(
        self,
        run_id: str,
        result_index: int,
        image_keys: Sequence[bytes],
        unit_numbers: Sequence[int] | None = None,
    ) -> Placements:
        """Puts images into the clusters of a finished run, without changing it.

        Args:
            run_id: Id of a run that has succeeded.
            result_index: Index into RunResult.results.
            image_keys: Keys of 32 bytes, any number; images of the run or others.
            unit_numbers: Unit of each image (the eye, say), -1 for none; images of a unit side by side. The
                mean vector of each unit is assigned, too. None: no units.

        Returns:
            The assignments; images without a vector in the run's space are left out.

        Raises:
            RunNotFound: The clusterer does not know the run (any more).
        """
        return self._assign(RunTarget(run_id, result_index), image_keys, unit_numbers)

    def assign_fitted(
        self, fitted_digest: bytes, image_keys: Sequence[bytes], unit_numbers: Sequence[int] | None = None
    ) -> Placements:
        """Puts images into the clusters of a run whose file was put; see assign.

        Args:
            fitted_digest: What put_fitted_run returned.
            image_keys: See assign.
            unit_numbers: See assign.

        Raises:
            RunNotFound: The clusterer does not have the file (any more): put it again.
        """
        return self._assign(fitted_digest, image_keys, unit_numbers)

    def _assign(
        self, target: RunTarget | bytes, image_keys: Sequence[bytes], unit_numbers: Sequence[int] | None
    ) -> Placements:
        responses: list[messages.AssignResponse] = []
        for request in assign_requests(target, image_keys, unit_numbers, self.info().limits):
            responses += self._connection.call_for_stream(self._stub.Assign, request)
        return read_placements(responses)

    def prepared_vectors(
        self, fitted_digest: bytes, image_keys: Sequence[bytes]
    ) -> Iterator[tuple[Sequence[bytes], bytes]]:
        """Fetches vectors as they were clustered, prepared by a run whose file was put.

        Args:
            fitted_digest: What put_fitted_run returned.
            image_keys: Keys of 32 bytes, any number; images of the run or others.

        Yields:
            Keys of some images, in the order asked for, and their prepared vectors one after the other,
            little-endian float32; images without a vector in the run's space are left out.

        Raises:
            RunNotFound: The clusterer does not have the file (any more): put it again.
        """
        for request in assign_requests(fitted_digest, image_keys, None, self.info().limits):
            request.return_prepared = True
            for response in self._connection.call_for_stream(self._stub.Assign, request):
                if response.image_keys:
                    yield list(response.image_keys), response.prepared_vectors

    def fitted_run(self, run_id: str, result_index: int) -> bytes:
        """Fetches what puts other images into the clusters of a run, as a file.

        Args:
            run_id: Id of a run that has succeeded.
            result_index: Index into RunResult.results.

        Returns:
            The file's content, for put_fitted_run of this client or of another clusterer's.

        Raises:
            NotReady: The run kept none; see RunResult.fitted_missing_reason.
        """
        request = messages.GetFittedRunRequest(run_id=run_id, result_index=result_index)
        return join_pieces(self._connection.call_for_stream(self._stub.GetFittedRun, request))

    def put_fitted_run(self, content: bytes) -> bytes:
        """Gives such a file to the clusterer, which keeps it as long as runs. Repeating it is harmless.

        Args:
            content: What fitted_run returned.

        Returns:
            Its digest, for assign_fitted.

        Raises:
            RequestRefused: It is no such file, damaged, or of another version.
        """
        requests = file_requests(content, self.info().limits)
        return self._connection.call_with_stream(self._stub.PutFittedRun, requests).fitted_digest

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
