"""The clusterer's client for asyncio: the twin of clients.clusterer."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Self

import grpc
from octcluster_protos.clusterer.v1 import clusterer_pb2 as messages
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import ClustererServiceStub

from octcluster.clients.assignment_reader import AssignmentReader
from octcluster.clients.batches import cut
from octcluster.clients.clusterer_calls import (
    SERVICE,
    WATCH_SECONDS,
    RunTarget,
    StartRunRequests,
    add_to_report,
    assign_requests,
    check_request,
    entry_bytes,
    file_requests,
    get_requests,
    join_pieces,
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
    read_clusterer_info,
    read_placements,
    read_status,
    space_message,
)
from octcluster.clients.connection import AsyncConnection
from octcluster.clients.endpoint import Endpoint, OnWait, Outage
from octcluster.clients.security import Tls
from octcluster.concurrency import as_async
from octcluster.model.placements import Placements
from octcluster.model.results import Assignments, RunResult
from octcluster.model.runs import Member, RunSpec, RunStatus, VectorSpace
from octcluster.model.server_info import ClustererInfo, PutReport


class AsyncClustererClient:
    """ClustererClient for asyncio: the same methods as coroutines.

    Make it inside the event loop that uses it.
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
        """See ClustererClient."""
        self.address = address
        self._connection = AsyncConnection(
            Endpoint(SERVICE, address, timeout_seconds, retry_seconds, on_wait, tls, token, traceparent)
        )
        self._stub = ClustererServiceStub(self._connection.channel)
        self._info: ClustererInfo | None = None

    @property
    def trace_id(self) -> str:
        """See ClustererClient.trace_id."""
        return self._connection.endpoint.trace_id

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

    async def find_missing(self, space: VectorSpace, image_keys: Sequence[bytes]) -> list[bytes]:
        """See ClustererClient.find_missing."""
        missing: list[bytes] = []
        for keys in cut(image_keys, (await self.info()).limits.max_keys_per_message):
            request = messages.FindMissingVectorsRequest(space=space_message(space), image_keys=keys)
            response = await self._connection.call(self._stub.FindMissingVectors, request)
            missing.extend(response.missing_image_keys)
        return missing

    async def put_vectors(
        self,
        space: VectorSpace,
        vectors: Iterable[tuple[bytes, bytes]] | AsyncIterable[tuple[bytes, bytes]],
    ) -> PutReport:
        """See ClustererClient.put_vectors; the vectors may come from an asynchronous iterable, too."""
        report = PutReport()
        cutter = put_cutter((await self.info()).limits)
        async for key, vector in as_async(vectors):
            await self._put(space, cutter.add((key, vector), entry_bytes(vector)), report)
        await self._put(space, cutter.flush(), report)
        return report

    async def _put(self, space: VectorSpace, chunk: list[tuple[bytes, bytes]], report: PutReport) -> None:
        if chunk:
            requests = [put_request(space, chunk)]
            add_to_report(report, await self._connection.call_with_stream(self._stub.PutVectors, requests))

    async def get_vectors(self, space: VectorSpace, image_keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """See ClustererClient.get_vectors."""
        vectors: dict[bytes, bytes] = {}
        for request in get_requests(space, image_keys, (await self.info()).limits):
            responses = await self._connection.call_for_stream(self._stub.GetVectors, request)
            vectors.update(read_vectors(responses))
        return vectors

    async def delete_vectors(self, image_keys: Sequence[bytes]) -> int:
        """See ClustererClient.delete_vectors."""
        deleted = 0
        for keys in cut(image_keys, (await self.info()).limits.max_keys_per_message):
            request = messages.DeleteVectorsRequest(image_keys=keys)
            deleted += (await self._connection.call(self._stub.DeleteVectors, request)).deleted
        return deleted

    async def check_run(self, spec: RunSpec, members: int, units: int | None = None) -> None:
        """See ClustererClient.check_run."""
        await self._connection.call(self._stub.CheckRun, check_request(spec, members, units))

    async def start_run(self, spec: RunSpec, members: Iterable[Member]) -> RunStatus:
        """See ClustererClient.start_run."""
        requests = StartRunRequests(with_run_id(spec), members, (await self.info()).limits)
        return read_status((await self._connection.call_with_stream(self._stub.StartRun, requests)).status)

    async def watch(self, run_id: str) -> AsyncIterator[RunStatus]:
        """See ClustererClient.watch."""
        endpoint = self._connection.endpoint
        outage = Outage(endpoint.retry_seconds)
        while True:
            request = messages.WatchRunRequest(run_id=run_id)
            call = self._connection.watch(self._stub.WatchRun, request, WATCH_SECONDS)
            answered = False
            try:
                async for response in call:
                    answered = True
                    outage.end()
                    status = read_status(response.status)
                    yield status
                    if status.state.ended:
                        return
                await self._connection.wait(outage, watch_broke(endpoint))
            except grpc.RpcError as error:
                if (failure := watch_failure(endpoint, error, answered)) is not None:
                    await self._connection.wait(outage, failure)
            finally:
                call.cancel()

    async def wait(self, run_id: str, on_status: Callable[[RunStatus], None] | None = None) -> RunStatus:
        """See ClustererClient.wait."""
        async for status in self.watch(run_id):
            if on_status is not None:
                on_status(status)
        return succeeded(status)

    async def status(self, run_id: str) -> RunStatus:
        """See ClustererClient.status."""
        request = messages.GetRunRequest(run_id=run_id)
        return read_status((await self._connection.call(self._stub.GetRun, request)).status)

    async def result(self, run_id: str) -> RunResult:
        """See ClustererClient.result."""
        request = messages.GetRunRequest(run_id=run_id)
        return result_of(await self._connection.call(self._stub.GetRun, request))

    async def assignments(self, run_id: str, result_index: int) -> Assignments:
        """See ClustererClient.assignments."""
        request = messages.StreamAssignmentsRequest(run_id=run_id, result_index=result_index)

        async def read(request: messages.StreamAssignmentsRequest, **how: Any) -> Assignments:
            reader = AssignmentReader()
            async for response in self._stub.StreamAssignments(request, **how):
                reader.add(response)
            return reader.assignments()

        return await self._connection.call(read, request)

    async def assign(
        self,
        run_id: str,
        result_index: int,
        image_keys: Sequence[bytes],
        unit_numbers: Sequence[int] | None = None,
    ) -> Placements:
        """See ClustererClient.assign."""
        return await self._assign(RunTarget(run_id, result_index), image_keys, unit_numbers)

    async def assign_fitted(
        self, fitted_digest: bytes, image_keys: Sequence[bytes], unit_numbers: Sequence[int] | None = None
    ) -> Placements:
        """See ClustererClient.assign_fitted."""
        return await self._assign(fitted_digest, image_keys, unit_numbers)

    async def _assign(
        self, target: RunTarget | bytes, image_keys: Sequence[bytes], unit_numbers: Sequence[int] | None
    ) -> Placements:
        responses: list[messages.AssignResponse] = []
        for request in assign_requests(target, image_keys, unit_numbers, (await self.info()).limits):
            responses += await self._connection.call_for_stream(self._stub.Assign, request)
        return read_placements(responses)

    async def prepared_vectors(
        self, fitted_digest: bytes, image_keys: Sequence[bytes]
    ) -> AsyncIterator[tuple[Sequence[bytes], bytes]]:
        """See ClustererClient.prepared_vectors."""
        for request in assign_requests(fitted_digest, image_keys, None, (await self.info()).limits):
            request.return_prepared = True
            for response in await self._connection.call_for_stream(self._stub.Assign, request):
                if response.image_keys:
                    yield list(response.image_keys), response.prepared_vectors

    async def fitted_run(self, run_id: str, result_index: int) -> bytes:
        """See ClustererClient.fitted_run."""
        request = messages.GetFittedRunRequest(run_id=run_id, result_index=result_index)
        return join_pieces(await self._connection.call_for_stream(self._stub.GetFittedRun, request))

    async def put_fitted_run(self, content: bytes) -> bytes:
        """See ClustererClient.put_fitted_run."""
        requests = file_requests(content, (await self.info()).limits)
        response = await self._connection.call_with_stream(self._stub.PutFittedRun, requests)
        return response.fitted_digest

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
