"""The methods of the contract: convert, call, convert. The shell turns errors into statuses."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from importlib.metadata import version

from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from octcluster_protos.clusterer.v1.clusterer_pb2_grpc import ClustererServiceServicer
from octcluster_serving.callers import current_caller

from octcluster_clusterer.assignment.assign import FittedResult
from octcluster_clusterer.assignment.fitted_file import write_fitted
from octcluster_clusterer.assignment.fitted_store import FittedStore
from octcluster_clusterer.clustering import METHODS
from octcluster_clusterer.errors import MessageTooLarge, NotAllowed
from octcluster_clusterer.metrics import Metrics
from octcluster_clusterer.runs.queue import RunQueue
from octcluster_clusterer.serving.assignment_conversions import (
    assign_images,
    from_file,
    read_file,
    to_fitted_digest,
    to_fitted_result,
    to_units,
)
from octcluster_clusterer.serving.blas_kernels import name_blas_kernels
from octcluster_clusterer.serving.conversions import (
    LARGEST_ANSWER_BYTES,
    Limits,
    count_vectors_per_message,
    from_algorithm,
    from_rejections,
    from_vectors,
    read_run,
    to_image_keys,
    to_run,
    to_space,
    to_vectors,
)
from octcluster_clusterer.serving.reading_allowance import (
    MAX_FILE_BYTES_IN_READING,
    MAX_MEMBER_BYTES_IN_READING,
    ReadingAllowance,
)
from octcluster_clusterer.serving.result_conversions import (
    from_assignments,
    from_record,
    from_status,
)
from octcluster_clusterer.serving.run_owners import is_callers, to_kept_id
from octcluster_clusterer.serving.upload_turns import FILES_AT_ONCE, RUNS_AT_ONCE, UploadTurns
from octcluster_clusterer.store.vectors import Rejection, VectorCache

# A watcher gets at most ten changes a second, and always the last one.
_WATCH_INTERVAL_SECONDS = 0.1
# Each holds a message's vectors several times over, and more than processors make none faster.
_ASSIGNMENTS_AT_ONCE = 2


class ClustererServicer(ClustererServiceServicer):
    """Answers each call; what may wait for Redis does so in a thread."""

    def __init__(
        self,
        vectors: VectorCache,
        runs: RunQueue,
        fitted: FittedStore,
        limits: Limits,
        metrics: Metrics,
        vector_writers: Collection[str] = (),
    ) -> None:
        """Serves these vectors, runs and fitted runs within these limits; see ``Settings.vector_writers``."""
        self._vector_writers = vector_writers
        self._vectors = vectors
        self._runs = runs
        self._fitted = fitted
        self._limits = limits
        self._run_turns = UploadTurns("members of runs", RUNS_AT_ONCE)
        self._file_turns = UploadTurns("files of fitted runs", FILES_AT_ONCE)
        self._member_allowance = ReadingAllowance(MAX_MEMBER_BYTES_IN_READING, "members of runs")
        self._file_allowance = ReadingAllowance(
            MAX_FILE_BYTES_IN_READING, "files of fitted runs", gives_way=True
        )
        self._metrics = metrics
        self._assigning = asyncio.Semaphore(_ASSIGNMENTS_AT_ONCE)

    async def GetServerInfo(  # noqa: N802
        self, request: pb.GetServerInfoRequest, context: object
    ) -> pb.GetServerInfoResponse:
        """Says what this server has and how much it takes at once."""
        return pb.GetServerInfoResponse(
            version=version("octcluster-clusterer"),
            algorithms=[
                pb.AlgorithmInfo(
                    algorithm=from_algorithm(algorithm), finds_cluster_count=method.finds_cluster_count
                )
                for algorithm, method in METHODS.items()
            ],
            limits=pb.Limits(**vars(self._limits)),
            blas_kernels=name_blas_kernels(),
        )

    async def FindMissingVectors(  # noqa: N802
        self, request: pb.FindMissingVectorsRequest, context: object
    ) -> pb.FindMissingVectorsResponse:
        """Tells which images have no sound vector."""
        keys = to_image_keys(request.image_keys, self._limits)
        missing = await asyncio.to_thread(self._vectors.find_missing, to_space(request.space), keys)
        self._metrics.count_lookup(len(keys) - len(missing), len(missing))
        return pb.FindMissingVectorsResponse(missing_image_keys=missing)

    async def PutVectors(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.PutVectorsRequest], context: object
    ) -> pb.PutVectorsResponse:
        """Stores vectors, message by message."""
        self._check_writer()
        received = 0
        rejections: list[Rejection] = []
        async for request in request_iterator:
            vectors = to_vectors(request, self._limits)
            rejections += await asyncio.to_thread(self._vectors.put, to_space(request.space), vectors)
            received += len(vectors)
            if len(rejections) > self._limits.max_keys_per_message:
                raise MessageTooLarge(
                    f"{len(rejections)} vectors are bad, for example: {rejections[0].reason}"
                )
        stored = received - len(rejections)
        self._metrics.count_stored(stored, len(rejections))
        return pb.PutVectorsResponse(stored=stored, rejected=from_rejections(rejections))

    async def GetVectors(  # noqa: N802
        self, request: pb.GetVectorsRequest, context: object
    ) -> AsyncIterator[pb.GetVectorsResponse]:
        """Sends cached vectors, those that are missing left out."""
        space, keys = to_space(request.space), to_image_keys(request.image_keys, self._limits)
        size = count_vectors_per_message(space, self._limits, LARGEST_ANSWER_BYTES)
        for start in range(0, len(keys), size):
            vectors = await asyncio.to_thread(self._vectors.get, space, keys[start : start + size])
            if vectors:
                self._metrics.count_served(len(vectors))
                yield from_vectors(vectors)

    async def DeleteVectors(  # noqa: N802
        self, request: pb.DeleteVectorsRequest, context: object
    ) -> pb.DeleteVectorsResponse:
        """Removes all that the cache has of some images."""
        self._check_writer()
        keys = to_image_keys(request.image_keys, self._limits)
        return pb.DeleteVectorsResponse(deleted=await asyncio.to_thread(self._vectors.delete, keys))

    def _check_writer(self) -> None:
        """Raises NotAllowed if this caller may not change the cache."""
        if self._vector_writers and current_caller() not in self._vector_writers:
            raise NotAllowed(
                "this caller may not store or delete vectors: see --vector-writers of the clusterer"
            )

    async def CheckRun(  # noqa: N802
        self, request: pb.CheckRunRequest, context: object
    ) -> pb.CheckRunResponse:
        """Says whether a run could be done."""
        self._runs.check(*to_run(request, self._limits))
        return pb.CheckRunResponse()

    async def StartRun(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.StartRunRequest], context: object
    ) -> pb.StartRunResponse:
        """Queues a run."""
        async with self._run_turns.turn(request_iterator) as requests:
            with self._member_allowance.reading() as reading:
                spec, members = await read_run(requests, self._limits, self._runs.check_queue, reading)
            status = await asyncio.to_thread(self._runs.start, spec, members)
        return pb.StartRunResponse(status=from_status(status))

    async def WatchRun(  # noqa: N802
        self, request: pb.WatchRunRequest, context: object
    ) -> AsyncIterator[pb.WatchRunResponse]:
        """Sends a run's status at once and after each change until the run has ended."""
        sent = None
        while sent is None or not sent.state.ended:
            status = await asyncio.to_thread(self._runs.status, to_kept_id(request.run_id))
            if status != sent:
                yield pb.WatchRunResponse(status=from_status(status))
                sent = status
            else:
                await asyncio.sleep(_WATCH_INTERVAL_SECONDS)

    async def GetRun(  # noqa: N802
        self, request: pb.GetRunRequest, context: object
    ) -> pb.GetRunResponse:
        """Returns a run as it stands."""
        return from_record(await asyncio.to_thread(self._runs.record, to_kept_id(request.run_id)))

    async def StreamAssignments(  # noqa: N802
        self, request: pb.StreamAssignmentsRequest, context: object
    ) -> AsyncIterator[pb.StreamAssignmentsResponse]:
        """Sends the cluster of each member in one result."""
        record = await asyncio.to_thread(self._runs.finished_record, to_kept_id(request.run_id))
        for response in from_assignments(record, request.result_index):
            yield response

    async def Assign(  # noqa: N802
        self, request: pb.AssignRequest, context: object
    ) -> AsyncIterator[pb.AssignResponse]:
        """Puts images into the clusters of a finished run."""
        keys = to_image_keys(request.image_keys, self._limits)
        units = to_units(request)
        fitted = await asyncio.to_thread(self._find_fitted, request)
        responses = assign_images(
            fitted, keys, units, self._vectors, self._limits, return_prepared=request.return_prepared
        )
        while (response := await self._compute_next(responses)) is not None:
            yield response

    async def _compute_next(self, responses: Iterator[pb.AssignResponse]) -> pb.AssignResponse | None:
        async with self._assigning:
            return await asyncio.to_thread(next, responses, None)

    def _find_fitted(self, request: pb.AssignRequest) -> FittedResult:
        if digest := to_fitted_digest(request):
            return self._fitted.find(digest)
        return to_fitted_result(self._runs.finished_record(to_kept_id(request.run_id)), request.result_index)

    async def GetFittedRun(  # noqa: N802
        self, request: pb.GetFittedRunRequest, context: object
    ) -> AsyncIterator[pb.GetFittedRunResponse]:
        """Sends what puts other images into the clusters of a result."""
        record = await asyncio.to_thread(self._runs.finished_record, to_kept_id(request.run_id))
        fitted = to_fitted_result(record, request.result_index)
        for response in from_file(await asyncio.to_thread(write_fitted, fitted), self._limits):
            yield response

    async def PutFittedRun(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.PutFittedRunRequest], context: object
    ) -> pb.PutFittedRunResponse:
        """Keeps such a file for Assign."""
        async with self._file_turns.turn(request_iterator) as requests:
            with self._file_allowance.reading() as reading:
                content = await read_file(requests, reading)
            digest = await asyncio.to_thread(self._fitted.put, content)
        return pb.PutFittedRunResponse(fitted_digest=digest)

    async def CancelRun(  # noqa: N802
        self, request: pb.CancelRunRequest, context: object
    ) -> pb.CancelRunResponse:
        """Asks a run to stop."""
        status = await asyncio.to_thread(self._runs.cancel, to_kept_id(request.run_id))
        return pb.CancelRunResponse(status=from_status(status))

    async def ListRuns(  # noqa: N802
        self, request: pb.ListRunsRequest, context: object
    ) -> pb.ListRunsResponse:
        """Lists the caller's runs, the newest first."""
        statuses = await asyncio.to_thread(self._runs.list_statuses)
        return pb.ListRunsResponse(
            runs=[from_status(status) for status in statuses if is_callers(status.run_id)]
        )

    async def DeleteRun(  # noqa: N802
        self, request: pb.DeleteRunRequest, context: object
    ) -> pb.DeleteRunResponse:
        """Forgets a run and its result."""
        await asyncio.to_thread(self._runs.delete, to_kept_id(request.run_id))
        return pb.DeleteRunResponse()
