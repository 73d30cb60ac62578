"""The clusterer's clients: ClustererClient for calls that block, AsyncClustererClient for asyncio.

Every call may be repeated: vectors are stored under their keys, and a run is known by an id that the client
draws. So vectors go in one call a chunk, which is sent again as a whole when it breaks, and a run's members
are kept until the clusterer has acknowledged them.
"""

import uuid
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Self

import grpc
from octcluster_protos.clusterer.v1 import clusterer_pb2 as messages
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import ClustererServiceStub

from octcluster.batches import Batcher, cut
from octcluster.concurrency import as_async
from octcluster.connection import AsyncConnection, Connection, Endpoint, OnWait, Outage
from octcluster.conversions import (
    read_assignments,
    read_clusterer_info,
    read_result,
    read_status,
    space_message,
    start_run_messages,
    vector_entries,
)
from octcluster.errors import NotReady, RunCancelled, RunFailed, ServerUnavailable, ServiceError
from octcluster.runs import Assignments, EmbeddingSpace, Member, RunResult, RunSpec, RunState, RunStatus
from octcluster.services import ClustererInfo, ClustererLimits, PutReport

_SERVICE = "the clusterer"
_BYTES_PER_PUT = 4 << 20
_VECTORS_PER_PUT = 256
_MESSAGE_OVERHEAD_BYTES = 1024
_ENTRY_OVERHEAD_BYTES = 64
# A watch is renewed this often. The clusterer owes a status at the start of each, so that one that is there
# but does not speak is noticed; a connection that died without a word is noticed by gRPC's keepalive.
_WATCH_SECONDS = 60.0


def _put_batcher(limits: ClustererLimits) -> Batcher[tuple[bytes, bytes]]:
    max_bytes = min(_BYTES_PER_PUT, limits.max_message_bytes - _MESSAGE_OVERHEAD_BYTES)
    return Batcher(min(_VECTORS_PER_PUT, limits.max_keys_per_message), max_bytes)


def _entry_bytes(vector: bytes) -> int:
    return len(vector) + _ENTRY_OVERHEAD_BYTES


def _put_request(space: EmbeddingSpace, chunk: Iterable[tuple[bytes, bytes]]) -> messages.PutVectorsRequest:
    return messages.PutVectorsRequest(space=space_message(space), entries=vector_entries(chunk))


def _add_to_report(report: PutReport, response: messages.PutVectorsResponse) -> None:
    report.stored += response.stored
    report.rejected.update((rejected.image_key, rejected.reason) for rejected in response.rejected)


def _with_run_id(spec: RunSpec) -> RunSpec:
    return spec if spec.run_id else replace(spec, run_id=uuid.uuid4().hex)


def _succeeded(status: RunStatus) -> RunStatus:
    """Returns the status of a run that succeeded; raises what another end means."""
    if status.state is RunState.FAILED:
        raise RunFailed(f"the run failed: {status.error_message}", code=status.error_code)
    if status.state is RunState.CANCELLED:
        raise RunCancelled("the run was cancelled: start it again if this was not meant")
    return status


def _result_of(response: messages.GetRunResponse) -> RunResult:
    status = _succeeded(read_status(response.status))
    if not status.state.ended:
        raise NotReady("the run is still at work: watch it until it has ended", code="FAILED_PRECONDITION")
    return read_result(response.result)


def _watch_broke(endpoint: Endpoint) -> ServerUnavailable:
    return ServerUnavailable(f"{endpoint.service} at {endpoint.address} ended the watch before the run ended")


def _watch_failure(
    endpoint: Endpoint, error: grpc.RpcError, answered: bool
) -> grpc.RpcError | ServiceError | None:
    """What it means that a watch failed; None: it was time to renew it."""
    if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
        return error
    if answered:
        return None
    return ServerUnavailable(
        f"{endpoint.service} at {endpoint.address} says nothing about the run: is it overloaded, or stopped?"
    )


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
        patience_seconds: float = 30,
        on_wait: OnWait | None = None,
    ) -> None:
        """Prepares the connection; the first call makes it.

        Args:
            address: See connection.target_of.
            timeout_seconds: Deadline of each call.
            patience_seconds: How long a call is repeated while the clusterer, or its vector cache, is away.
            on_wait: Told in a sentence before a call is repeated; an error that it raises ends the wait.
        """
        self.address = address
        self._connection = Connection(Endpoint(_SERVICE, address, timeout_seconds, patience_seconds, on_wait))
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

    def find_missing(self, space: EmbeddingSpace, image_keys: Sequence[bytes]) -> list[bytes]:
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

    def put_vectors(self, space: EmbeddingSpace, vectors: Iterable[tuple[bytes, bytes]]) -> PutReport:
        """Stores vectors in the cache, chunk by chunk as they come.

        Args:
            space: Space of the vectors.
            vectors: Pairs of image key and vector (little-endian float32 values), any number.

        Returns:
            How many were stored, and which were not and why.
        """
        report = PutReport()
        batcher = _put_batcher(self.info().limits)
        for key, vector in vectors:
            self._put(space, batcher.add((key, vector), _entry_bytes(vector)), report)
        self._put(space, batcher.flush(), report)
        return report

    def _put(self, space: EmbeddingSpace, chunk: list[tuple[bytes, bytes]], report: PutReport) -> None:
        if chunk:
            requests = [_put_request(space, chunk)]
            _add_to_report(report, self._connection.call_with_stream(self._stub.PutVectors, requests))

    def start_run(self, spec: RunSpec, members: Iterable[Member]) -> RunStatus:
        """Queues a run. Repeating it with the same run id does nothing more.

        Args:
            spec: What the run shall do; without a run id, one is drawn.
            members: The images to cluster; each must have a vector in the cache.

        Returns:
            Status of the run, with its id.
        """
        limit = self.info().limits.max_keys_per_message
        requests = list(start_run_messages(_with_run_id(spec), list(members), limit))
        return read_status(self._connection.call_with_stream(self._stub.StartRun, requests).status)

    def watch(self, run_id: str) -> Iterator[RunStatus]:
        """Follows a run, also over breaks of the connection.

        Args:
            run_id: Id of the run.

        Yields:
            Its status now and after each change; the last one says how it ended.

        Raises:
            RunNotFound: The clusterer does not know the run.
            ServerUnavailable: It is away, or says nothing, for longer than patience_seconds.
        """
        endpoint = self._connection.endpoint
        outage = Outage(endpoint.patience_seconds)
        while True:
            call = self._stub.WatchRun(messages.WatchRunRequest(run_id=run_id), timeout=_WATCH_SECONDS)
            answered = False
            try:
                for response in call:
                    answered = True
                    outage.end()
                    status = read_status(response.status)
                    yield status
                    if status.state.ended:
                        return
                self._connection.wait(outage, _watch_broke(endpoint))
            except grpc.RpcError as error:
                if (failure := _watch_failure(endpoint, error, answered)) is not None:
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
        return _succeeded(status)

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
        return _result_of(self._connection.call(self._stub.GetRun, messages.GetRunRequest(run_id=run_id)))

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


class AsyncClustererClient:
    """ClustererClient for asyncio: the same methods as coroutines.

    Make it inside the event loop that uses it.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout_seconds: float = 60,
        patience_seconds: float = 30,
        on_wait: OnWait | None = None,
    ) -> None:
        """See ClustererClient."""
        self.address = address
        self._connection = AsyncConnection(
            Endpoint(_SERVICE, address, timeout_seconds, patience_seconds, on_wait)
        )
        self._stub = ClustererServiceStub(self._connection.channel)
        self._info: ClustererInfo | None = None

    async def info(self) -> ClustererInfo:
        """See ClustererClient.info."""
        if self._info is None:
            request = messages.GetServerInfoRequest()
            self._info = read_clusterer_info(await self._connection.call(self._stub.GetServerInfo, request))
        return self._info

    async def wait_until_serving(self, seconds: float, on_wait: OnWait | None = None) -> ClustererInfo:
        """See ClustererClient.wait_until_serving."""
        ask = partial(self._stub.GetServerInfo, messages.GetServerInfoRequest())
        self._info = read_clusterer_info(await self._connection.wait_until_serving(ask, seconds, on_wait))
        return self._info

    async def find_missing(self, space: EmbeddingSpace, image_keys: Sequence[bytes]) -> list[bytes]:
        """See ClustererClient.find_missing."""
        missing: list[bytes] = []
        for keys in cut(image_keys, (await self.info()).limits.max_keys_per_message):
            request = messages.FindMissingVectorsRequest(space=space_message(space), image_keys=keys)
            response = await self._connection.call(self._stub.FindMissingVectors, request)
            missing.extend(response.missing_image_keys)
        return missing

    async def put_vectors(
        self,
        space: EmbeddingSpace,
        vectors: Iterable[tuple[bytes, bytes]] | AsyncIterable[tuple[bytes, bytes]],
    ) -> PutReport:
        """See ClustererClient.put_vectors; the vectors may come from an asynchronous iterable, too."""
        report = PutReport()
        batcher = _put_batcher((await self.info()).limits)
        async for key, vector in as_async(vectors):
            await self._put(space, batcher.add((key, vector), _entry_bytes(vector)), report)
        await self._put(space, batcher.flush(), report)
        return report

    async def _put(self, space: EmbeddingSpace, chunk: list[tuple[bytes, bytes]], report: PutReport) -> None:
        if chunk:
            requests = [_put_request(space, chunk)]
            _add_to_report(report, await self._connection.call_with_stream(self._stub.PutVectors, requests))

    async def start_run(self, spec: RunSpec, members: Iterable[Member]) -> RunStatus:
        """See ClustererClient.start_run."""
        limit = (await self.info()).limits.max_keys_per_message
        requests = list(start_run_messages(_with_run_id(spec), list(members), limit))
        return read_status((await self._connection.call_with_stream(self._stub.StartRun, requests)).status)

    async def watch(self, run_id: str) -> AsyncIterator[RunStatus]:
        """See ClustererClient.watch."""
        endpoint = self._connection.endpoint
        outage = Outage(endpoint.patience_seconds)
        while True:
            call = self._stub.WatchRun(messages.WatchRunRequest(run_id=run_id), timeout=_WATCH_SECONDS)
            answered = False
            try:
                async for response in call:
                    answered = True
                    outage.end()
                    status = read_status(response.status)
                    yield status
                    if status.state.ended:
                        return
                await self._connection.wait(outage, _watch_broke(endpoint))
            except grpc.RpcError as error:
                if (failure := _watch_failure(endpoint, error, answered)) is not None:
                    await self._connection.wait(outage, failure)
            finally:
                call.cancel()

    async def wait(self, run_id: str, on_status: Callable[[RunStatus], None] | None = None) -> RunStatus:
        """See ClustererClient.wait."""
        async for status in self.watch(run_id):
            if on_status is not None:
                on_status(status)
        return _succeeded(status)

    async def status(self, run_id: str) -> RunStatus:
        """See ClustererClient.status."""
        request = messages.GetRunRequest(run_id=run_id)
        return read_status((await self._connection.call(self._stub.GetRun, request)).status)

    async def result(self, run_id: str) -> RunResult:
        """See ClustererClient.result."""
        request = messages.GetRunRequest(run_id=run_id)
        return _result_of(await self._connection.call(self._stub.GetRun, request))

    async def assignments(self, run_id: str, result_index: int) -> Assignments:
        """See ClustererClient.assignments."""
        request = messages.StreamAssignmentsRequest(run_id=run_id, result_index=result_index)

        async def fetch(request: messages.StreamAssignmentsRequest, timeout: float) -> Assignments:
            stream = self._stub.StreamAssignments(request, timeout=timeout)
            return read_assignments([response async for response in stream])

        return await self._connection.call(fetch, request)

    async def cancel(self, run_id: str) -> RunStatus:
        """See ClustererClient.cancel."""
        request = messages.CancelRunRequest(run_id=run_id)
        return read_status((await self._connection.call(self._stub.CancelRun, request)).status)

    async def list_runs(self) -> list[RunStatus]:
        """See ClustererClient.list_runs."""
        response = await self._connection.call(self._stub.ListRuns, messages.ListRunsRequest())
        return [read_status(run) for run in response.runs]

    async def delete(self, run_id: str) -> None:
        """See ClustererClient.delete."""
        await self._connection.call(self._stub.DeleteRun, messages.DeleteRunRequest(run_id=run_id))

    async def close(self) -> None:
        """See ClustererClient.close."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
