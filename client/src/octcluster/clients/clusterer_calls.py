"""What the clusterer's two clients share: how requests are cut, and what answers mean."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import grpc
from octcluster_protos.clusterer.v1 import clusterer_pb2 as messages

from octcluster.clients.batches import RequestCutter, cut
from octcluster.clients.clusterer_conversions import (
    read_result,
    read_status,
    space_message,
    spec_message,
    start_run_messages,
    vector_entries,
)
from octcluster.clients.endpoint import Endpoint
from octcluster.model.errors import NotReady, RunCancelled, RunFailed, ServerUnavailable, ServiceError
from octcluster.model.results import RunResult
from octcluster.model.runs import Member, RunSpec, RunState, RunStatus, VectorSpace, vector_bytes
from octcluster.model.server_info import ClustererLimits, PutReport

SERVICE = "the clusterer"
_BYTES_PER_PUT = 4 << 20
_VECTORS_PER_PUT = 256
_BYTES_PER_GET = 64 << 20
_MESSAGE_OVERHEAD_BYTES = 1024
_ENTRY_OVERHEAD_BYTES = 64
_BYTES_PER_PIECE = 1 << 20
NO_UNIT = -1
# A watch is renewed this often. The clusterer owes a status at the start of each, so that one that is there
# but does not speak is noticed; a connection that died without a word is noticed by gRPC's keepalive.
WATCH_SECONDS = 60.0


class RunTarget(NamedTuple):
    """One result of a run on the clusterer."""

    run_id: str
    result_index: int


def put_cutter(limits: ClustererLimits) -> RequestCutter[tuple[bytes, bytes]]:
    """Cuts vectors into messages of PutVectors."""
    max_bytes = min(_BYTES_PER_PUT, limits.max_message_bytes - _MESSAGE_OVERHEAD_BYTES)
    return RequestCutter(min(_VECTORS_PER_PUT, limits.max_keys_per_message), max_bytes)


def entry_bytes(vector: bytes) -> int:
    """About how much of a message a vector takes, in bytes."""
    return len(vector) + _ENTRY_OVERHEAD_BYTES


def put_request(space: VectorSpace, chunk: Iterable[tuple[bytes, bytes]]) -> messages.PutVectorsRequest:
    """One message of PutVectors."""
    return messages.PutVectorsRequest(space=space_message(space), entries=vector_entries(chunk))


def add_to_report(report: PutReport, response: messages.PutVectorsResponse) -> None:
    """Adds what became of one message to what became of all."""
    report.stored += response.stored
    report.rejected.update((rejected.image_key, rejected.reason) for rejected in response.rejected)


class StartRunRequests:
    """The messages of StartRun, made anew each time they are sent: all at once may be too much to hold."""

    def __init__(self, spec: RunSpec, members: Iterable[Member], limits: ClustererLimits) -> None:
        """Takes a spec with its id, and the members."""
        self._spec = spec
        self._members = members if isinstance(members, Sequence) else list(members)
        self._most = limits.max_keys_per_message

    def __iter__(self) -> Iterator[messages.StartRunRequest]:
        return start_run_messages(self._spec, self._members, self._most)


def get_requests(
    space: VectorSpace, image_keys: Sequence[bytes], limits: ClustererLimits
) -> Iterator[messages.GetVectorsRequest]:
    """The requests of GetVectors, so small that each is answered in time."""
    vectors = max(1, _BYTES_PER_GET // vector_bytes(space))
    for keys in cut(image_keys, min(vectors, limits.max_keys_per_message)):
        yield messages.GetVectorsRequest(space=space_message(space), image_keys=keys)


def read_vectors(responses: Iterable[messages.GetVectorsResponse]) -> dict[bytes, bytes]:
    """The vectors of an answer by image key."""
    return {entry.image_key: entry.vector for response in responses for entry in response.entries}


def assign_requests(
    target: RunTarget | bytes,
    image_keys: Sequence[bytes],
    unit_numbers: Sequence[int] | None,
    limits: ClustererLimits,
) -> Iterator[messages.AssignRequest]:
    """The requests of Assign to a result of a run, or to a fitted run by its digest; units stay whole."""
    base = (
        messages.AssignRequest(fitted_digest=target)
        if isinstance(target, bytes)
        else messages.AssignRequest(run_id=target.run_id, result_index=target.result_index)
    )
    most = limits.max_keys_per_message
    if unit_numbers is None:
        for keys in cut(image_keys, most):
            yield _with_images(base, keys, ())
        return
    for chunk in _cut_units(list(zip(image_keys, unit_numbers, strict=True)), most):
        yield _with_images(base, [key for key, _ in chunk], [unit for _, unit in chunk])


def _with_images(
    base: messages.AssignRequest, keys: Iterable[bytes], units: Iterable[int]
) -> messages.AssignRequest:
    request = messages.AssignRequest(image_keys=keys, unit_numbers=units)
    request.MergeFrom(base)
    return request


def _cut_units(images: Sequence[tuple[bytes, int]], most: int) -> Iterator[list[tuple[bytes, int]]]:
    """Cuts images, with their units, into chunks that hold units as a whole; too large ones are no units."""
    chunk: list[tuple[bytes, int]] = []
    for unit, group in groupby(images, lambda image: image[1]):
        own = list(group)
        pieces = [own]
        if unit == NO_UNIT or len(own) > most:
            pieces = [[(key, NO_UNIT)] for key, _ in own]
        for piece in pieces:
            if len(chunk) + len(piece) > most:
                yield chunk
                chunk = []
            chunk += piece
    if chunk:
        yield chunk


def file_requests(content: bytes, limits: ClustererLimits) -> list[messages.PutFittedRunRequest]:
    """The requests of PutFittedRun."""
    size = min(_BYTES_PER_PIECE, limits.max_message_bytes - _MESSAGE_OVERHEAD_BYTES)
    return [
        messages.PutFittedRunRequest(data=content[start : start + size])
        for start in range(0, len(content), size)
    ]


def join_pieces(responses: Iterable[messages.GetFittedRunResponse]) -> bytes:
    """The file that the messages of GetFittedRun hold."""
    return b"".join(response.data for response in responses)


def check_request(spec: RunSpec, members: int, units: int | None) -> messages.CheckRunRequest:
    """The request of CheckRun."""
    return messages.CheckRunRequest(spec=spec_message(with_run_id(spec)), members=members, units=units or 0)


def with_run_id(spec: RunSpec) -> RunSpec:
    """The spec with an id, drawn if there is none."""
    return spec if spec.run_id else replace(spec, run_id=uuid.uuid4().hex)


def succeeded(status: RunStatus) -> RunStatus:
    """Returns the status of a run that succeeded; raises what another end means."""
    if status.state is RunState.FAILED:
        raise RunFailed(f"the run failed: {status.error_message}", code=status.error_code)
    if status.state is RunState.CANCELLED:
        raise RunCancelled("the run was cancelled: start it again if this was not meant")
    return status


def result_of(response: messages.GetRunResponse) -> RunResult:
    """The result of a run that succeeded; raises what another state means."""
    status = succeeded(read_status(response.status))
    if not status.state.ended:
        raise NotReady("the run is still at work: watch it until it has ended", code="FAILED_PRECONDITION")
    return read_result(response.result)


def watch_broke(endpoint: Endpoint) -> ServerUnavailable:
    """The failure of a watch that ended too early without an error."""
    return ServerUnavailable(f"{endpoint.service} at {endpoint.address} ended the watch before the run ended")


def watch_failure(
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
