"""Between messages and plain data: images and units put into clusters, and fitted results as files."""

from collections.abc import AsyncIterator, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb

from octcluster_clusterer.assignment.assign import FittedResult
from octcluster_clusterer.assignment.fitted_file import MAX_FILE_BYTES
from octcluster_clusterer.assignment.fitted_store import DIGEST_BYTES
from octcluster_clusterer.assignment.unit_means import NO_UNIT, UnitMeans
from octcluster_clusterer.errors import CannotAssign, InvalidRequest, MessageTooLarge
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.runs.records import RunRecord
from octcluster_clusterer.serving.conversions import LARGEST_ANSWER_BYTES, Limits, count_vectors_per_message
from octcluster_clusterer.serving.reading_allowance import Reading
from octcluster_clusterer.serving.result_conversions import FITTED_MISSING, find_result
from octcluster_clusterer.store.vectors import VectorCache

_MESSAGE_OVERHEAD_BYTES = 64
_VALUE_BYTES = 4
# Of an image in an answer, beside its prepared vector: its key and where it belongs.
_IMAGE_BYTES = 128
# Of a file that a client sends.
_USUAL_PIECE_BYTES = 2**20


def to_fitted_result(record: RunRecord, result_index: int) -> FittedResult:
    """Returns what puts other images into the clusters of a result of a run.

    Raises:
        InvalidRequest: The run has no result of this index.
        CannotAssign: It was not kept, or the result has no clusters.
    """
    run = find_result(record, result_index)
    if run.fitted is None:
        raise CannotAssign(f"the run cannot take other images: {FITTED_MISSING}")
    return run.fitted.result(result_index, record.spec.space)


def to_fitted_digest(request: pb.AssignRequest) -> bytes:
    """The digest of the fitted result that a request names; empty: it names a run. Raises InvalidRequest."""
    if not request.fitted_digest:
        return b""
    if len(request.fitted_digest) != DIGEST_BYTES or request.run_id or request.result_index:
        raise InvalidRequest(
            f"fitted_digest must have {DIGEST_BYTES} bytes, and stands alone: without run_id and result_index"
        )
    return request.fitted_digest


def to_units(request: pb.AssignRequest) -> list[int]:
    """Checks the units of a request; raises InvalidRequest."""
    if not request.unit_numbers:
        return [NO_UNIT] * len(request.image_keys)
    units = list(request.unit_numbers)
    if len(units) != len(request.image_keys) or min(units) < NO_UNIT:
        raise InvalidRequest("unit_numbers must be one for each image key: 0 or more, or -1 for none")
    return units


def assign_images(
    fitted: FittedResult,
    image_keys: Sequence[bytes],
    units: Sequence[int],
    vectors: VectorCache,
    limits: Limits,
    *,
    return_prepared: bool = False,
) -> Iterator[pb.AssignResponse]:
    """Puts images into clusters, message by message, and at last the means of units.

    Raises:
        InvalidRequest: Not even one vector fits into a message.
    """
    means = UnitMeans()
    size = count_vectors_per_message(fitted.space, limits)
    if return_prepared:
        size = min(size, _count_prepared_per_message(fitted.preparation.dimension, limits))
    for start in range(0, len(image_keys), size):
        keys = image_keys[start : start + size]
        response = _assign_part(
            fitted, keys, units[start : start + size], vectors, means, return_prepared=return_prepared
        )
        if response.image_keys:
            yield response
    if means.images:
        placed = fitted.assign_members(means.means())
        yield pb.AssignResponse(
            fitted_agreement=fitted.rule.fitted_agreement,
            units=pb.UnitPlacements(
                unit_numbers=means.images.keys(),
                images=means.images.values(),
                clusters=placed.clusters,
                margins=placed.margins,
            ),
        )


def _assign_part(
    fitted: FittedResult,
    image_keys: Sequence[bytes],
    units: Sequence[int],
    vectors: VectorCache,
    means: UnitMeans,
    *,
    return_prepared: bool,
) -> pb.AssignResponse:
    """One message of an answer. While that waits to be read, nothing holds its vectors."""
    found = vectors.get(fitted.space, image_keys)
    if not found:
        return pb.AssignResponse()
    keys = [key for key, _ in found]
    values = _to_values([vector for _, vector in found], fitted.space)
    del found
    members = fitted.preparation.prepare_members(values)
    del values
    means.add(_pick_units(image_keys, units, keys), members)
    placed = vars(fitted.assign_members(members))
    return pb.AssignResponse(
        image_keys=keys,
        **placed,
        fitted_agreement=fitted.rule.fitted_agreement,
        # To assign them has finished them, in place.
        prepared_vectors=members.astype("<f4", copy=False).tobytes() if return_prepared else b"",
    )


def _count_prepared_per_message(dimension: int, limits: Limits) -> int:
    """Counts the images whose prepared vectors one message may hold; raises InvalidRequest if it is none."""
    n_bytes = dimension * _VALUE_BYTES + _IMAGE_BYTES
    if n_bytes > limits.max_message_bytes:
        raise InvalidRequest(
            f"a prepared vector of {dimension} values does not fit into a message of at most "
            f"{limits.max_message_bytes} bytes (--max-message-bytes of the clusterer)"
        )
    return limits.max_message_bytes // n_bytes


def _pick_units(keys: Sequence[bytes], units: Sequence[int], found: Sequence[bytes]) -> list[int]:
    """The units of the keys that were found, in their order; a key may occur with several units."""
    present = set(found)
    return [unit for key, unit in zip(keys, units, strict=True) if key in present]


def _to_values(vectors: Sequence[bytes], space: VectorSpace) -> NDArray[np.float32]:
    values = np.frombuffer(b"".join(vectors), dtype=space.value_type)
    return values.reshape(len(vectors), space.dimension).astype(np.float32, copy=False)


def from_file(content: bytes, limits: Limits) -> Iterator[pb.GetFittedRunResponse]:
    """Cuts a file into messages."""
    size = min(LARGEST_ANSWER_BYTES, limits.max_message_bytes - _MESSAGE_OVERHEAD_BYTES)
    for start in range(0, len(content), size):
        yield pb.GetFittedRunResponse(data=content[start : start + size])


async def read_file(requests: AsyncIterator[pb.PutFittedRunRequest], reading: Reading) -> bytes:
    """Joins the pieces of a file; raises MessageTooLarge before it takes more than such a file has.

    ``reading`` gets the size of each piece before it is kept; what it raises gets through.
    """
    reading.check_room(_USUAL_PIECE_BYTES)
    content = bytearray()
    async for request in requests:
        if not request.data:
            raise InvalidRequest("a piece of a file must hold at least one byte")
        reading.take(len(request.data))
        content += request.data
        if len(content) > MAX_FILE_BYTES:
            raise MessageTooLarge(f"the file has more than {MAX_FILE_BYTES} bytes: it is no fitted run")
        del request
    return bytes(content)
