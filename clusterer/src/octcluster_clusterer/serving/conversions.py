"""Between the messages of the contract and plain data: vectors, and what a run shall do."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb

from octcluster_clusterer.errors import InvalidRequest, MessageTooLarge
from octcluster_clusterer.model import Algorithm, DataType, Members, Preparation, RunSpec, VectorSpace
from octcluster_clusterer.runs.records import is_run_id
from octcluster_clusterer.serving.member_columns import MemberColumns, count_bytes
from octcluster_clusterer.serving.reading_allowance import Reading
from octcluster_clusterer.serving.run_owners import from_kept_id, to_kept_id
from octcluster_clusterer.store.vectors import IMAGE_KEY_BYTES, Rejection

SPACE_DIGEST_BYTES = 32
LARGEST_ANSWER_BYTES = 2**16
"""Of vectors. The server holds some answers of each call until they are read: 50 MB for 200 calls."""
_LARGEST_BATCH_BYTES = 4 * 2**20
# What an entry of a message takes beside its vector: an image key, tags and lengths.
_ENTRY_BYTES = IMAGE_KEY_BYTES + 32
_LARGEST_DIMENSION = 2**22
_DATA_TYPES = {
    pb.DATA_TYPE_FLOAT32: DataType.FLOAT32,
    pb.DATA_TYPE_UINT8: DataType.UINT8,
    pb.DATA_TYPE_FLOAT16: DataType.FLOAT16,
}
_PATIENT_WHITENINGS: dict["pb.PatientWhitening.ValueType", bool | Literal["auto"]] = {
    pb.PATIENT_WHITENING_UNSPECIFIED: False,
    pb.PATIENT_WHITENING_ON: True,
    pb.PATIENT_WHITENING_AUTO: "auto",
}
_DATA_TYPES_ON_THE_WIRE = {data_type: number for number, data_type in _DATA_TYPES.items()}


@dataclass(frozen=True)
class Limits:
    """How much the server takes at once; see the message of the same name."""

    max_message_bytes: int
    max_keys_per_message: int
    max_members: int
    max_queued_runs: int


def to_space(message: pb.VectorSpace) -> VectorSpace:
    """Checks and converts a space; raises InvalidRequest."""
    if len(message.digest) != SPACE_DIGEST_BYTES:
        raise InvalidRequest(f"space.digest has {len(message.digest)} bytes, must have {SPACE_DIGEST_BYTES}")
    if message.data_type not in _DATA_TYPES:
        choices = ", ".join(map(pb.DataType.Name, _DATA_TYPES))
        raise InvalidRequest(f"space.data_type must be {choices}")
    if not 1 <= message.dimension <= _LARGEST_DIMENSION:
        raise InvalidRequest(f"space.dimension is {message.dimension}, must be 1 to {_LARGEST_DIMENSION}")
    return VectorSpace(message.digest, message.dimension, _DATA_TYPES[message.data_type])


def to_image_keys(image_keys: Sequence[bytes], limits: Limits) -> list[bytes]:
    """Checks the image keys of one message; raises InvalidRequest or MessageTooLarge."""
    if len(image_keys) > limits.max_keys_per_message:
        raise MessageTooLarge(
            f"{len(image_keys)} image keys in one message, at most {limits.max_keys_per_message} may be"
        )
    keys = list(image_keys)
    if any(len(key) != IMAGE_KEY_BYTES for key in keys):
        raise InvalidRequest(f"each image key must have {IMAGE_KEY_BYTES} bytes")
    return keys


def to_vectors(request: pb.PutVectorsRequest, limits: Limits) -> list[tuple[bytes, bytes]]:
    """Checks the image keys of the vectors in one message; raises InvalidRequest or MessageTooLarge."""
    keys = to_image_keys([entry.image_key for entry in request.entries], limits)
    return [(key, entry.vector) for key, entry in zip(keys, request.entries, strict=True)]


def count_vectors_per_message(
    space: VectorSpace, limits: Limits, at_most_bytes: int = _LARGEST_BATCH_BYTES
) -> int:
    """Counts the vectors that one message may hold; raises InvalidRequest if not even one fits."""
    n_bytes = space.vector_bytes + _ENTRY_BYTES
    if n_bytes > limits.max_message_bytes:
        raise InvalidRequest(
            f"a vector of {space.dimension} values does not fit into a message of at most "
            f"{limits.max_message_bytes} bytes (--max-message-bytes of the clusterer)"
        )
    return max(1, min(limits.max_message_bytes, at_most_bytes) // n_bytes)


def from_vectors(vectors: Sequence[tuple[bytes, bytes]]) -> pb.GetVectorsResponse:
    """Converts image keys and vectors."""
    entries = [pb.VectorEntry(image_key=image_key, vector=vector) for image_key, vector in vectors]
    return pb.GetVectorsResponse(entries=entries)


def from_rejections(rejections: Sequence[Rejection]) -> list[pb.RejectedVector]:
    """Converts the vectors that were not stored."""
    return [pb.RejectedVector(image_key=one.image_key, reason=one.reason) for one in rejections]


def _add_members(columns: MemberColumns, chunk: pb.MemberChunk, limits: Limits, reading: Reading) -> None:
    numbers = [(column.name, column.values) for column in chunk.number_columns]
    keys = to_image_keys(chunk.image_keys, limits)
    if not keys:
        raise InvalidRequest("a chunk of members must hold at least one")
    columns_of_chunk = (keys, chunk.class_indices, chunk.patient_indices, numbers, chunk.unit_indices)
    reading.take(count_bytes(*columns_of_chunk))
    columns.add(*columns_of_chunk)
    _check_count(len(columns), limits)


def to_run(request: pb.CheckRunRequest, limits: Limits) -> tuple[RunSpec, int, int]:
    """Checks the form of a run without members and converts it, with the numbers of members and units.

    Raises InvalidRequest or MessageTooLarge.
    """
    _check_count(request.members, limits)
    return to_spec(request.spec), request.members, request.units or request.members


async def read_run(
    requests: AsyncIterator[pb.StartRunRequest],
    limits: Limits,
    check_queue: Callable[[str], None],
    reading: Reading,
) -> tuple[RunSpec, Members]:
    """Reads a run's spec and members from their stream; raises InvalidRequest or MessageTooLarge.

    ``check_queue`` gets the run's id before any members are read, and ``reading`` the size of each chunk
    before it is kept; what they raise gets through.
    """
    spec: RunSpec | None = None
    n_members = 0
    columns = MemberColumns()
    async for request in requests:
        kind = request.WhichOneof("payload")
        if kind != ("spec" if spec is None else "members"):
            raise InvalidRequest("the first message must hold the spec, all others members")
        if kind == "spec":
            spec = to_spec(request.spec)
            n_members = request.member_count
            check_queue(spec.run_id)
            reading.check_room(IMAGE_KEY_BYTES * min(n_members, limits.max_keys_per_message))
            continue
        _add_members(columns, request.members, limits, reading)
        del request  # nor does a stream that pauses hold its last chunk
    if spec is None or not len(columns):
        raise InvalidRequest("a run needs a spec and members")
    if len(columns) != n_members:
        # A stream whose client left looks like one that has ended: half a run must not start.
        raise InvalidRequest(
            f"{len(columns)} members came, and member_count of the first message is {n_members}: "
            "send all of them"
        )
    return spec, columns.finish()


def _check_count(n_members: int, limits: Limits) -> None:
    if n_members > limits.max_members:
        raise MessageTooLarge(f"the run has more than {limits.max_members} members: start smaller runs")


def to_spec(message: pb.RunSpec) -> RunSpec:
    """Checks the form of a spec and converts it; raises InvalidRequest. The pipeline checks its sense."""
    if not is_run_id(message.run_id):
        raise InvalidRequest("run_id must be 32 lower-case hexadecimal digits")
    if not message.algorithms:
        raise InvalidRequest("algorithms must name at least one")
    preparation = message.preparation
    return RunSpec(
        run_id=to_kept_id(message.run_id),
        space=to_space(message.space),
        preparation=Preparation(
            l2_normalize=preparation.l2_normalize,
            standardize=preparation.standardize,
            pca=_to_pca(preparation),
            whiten=preparation.whiten,
            part_dimensions=tuple(preparation.part_dimensions),
            whiten_within_patients=_to_patient_whitening(preparation.whiten_within_patients),
            normalize_prepared=preparation.normalize_prepared,
        ),
        algorithms=[_to_algorithm(number) for number in message.algorithms],
        min_clusters=message.min_clusters,
        max_clusters=message.max_clusters,
        seed=message.seed,
        stability_resamples=message.stability_resamples,
        umap=message.umap,
        usual_spread=message.usual_spread,
    )


def _to_patient_whitening(number: "pb.PatientWhitening.ValueType") -> bool | Literal["auto"]:
    if number not in _PATIENT_WHITENINGS:
        raise InvalidRequest(f"whiten_within_patients is {number}, which is no PatientWhitening")
    return _PATIENT_WHITENINGS[number]


def _from_patient_whitening(asked_for: bool | Literal["auto"]) -> "pb.PatientWhitening.ValueType":
    return next(number for number, value in _PATIENT_WHITENINGS.items() if value == asked_for)


def _to_pca(message: pb.Preparation) -> float | int | None:
    match message.WhichOneof("pca"):
        case "pca_variance":
            return message.pca_variance
        case "pca_components":
            return message.pca_components
        case None:
            return None


def _to_algorithm(number: "pb.Algorithm.ValueType") -> Algorithm:
    for algorithm in Algorithm:
        if from_algorithm(algorithm) == number:
            return algorithm
    raise InvalidRequest(
        f"algorithms has {number}, which names none: ask GetServerInfo for those this server has"
    )


def from_algorithm(algorithm: Algorithm) -> "pb.Algorithm.ValueType":
    """Converts an algorithm's name on the command line to its number in the contract."""
    return pb.Algorithm.Value(f"ALGORITHM_{algorithm.upper().replace('-', '_')}")


def from_spec(spec: RunSpec) -> pb.RunSpec:
    """Converts a spec."""
    preparation = pb.Preparation(
        l2_normalize=spec.preparation.l2_normalize,
        standardize=spec.preparation.standardize,
        whiten=spec.preparation.whiten,
        part_dimensions=spec.preparation.part_dimensions,
        whiten_within_patients=_from_patient_whitening(spec.preparation.whiten_within_patients),
        normalize_prepared=spec.preparation.normalize_prepared,
    )
    if isinstance(spec.preparation.pca, int):
        preparation.pca_components = spec.preparation.pca
    elif spec.preparation.pca is not None:
        preparation.pca_variance = spec.preparation.pca
    return pb.RunSpec(
        run_id=from_kept_id(spec.run_id),
        space=pb.VectorSpace(
            digest=spec.space.digest,
            data_type=_DATA_TYPES_ON_THE_WIRE[spec.space.data_type],
            dimension=spec.space.dimension,
        ),
        preparation=preparation,
        algorithms=[from_algorithm(algorithm) for algorithm in spec.algorithms],
        min_clusters=spec.min_clusters,
        max_clusters=spec.max_clusters,
        seed=spec.seed,
        stability_resamples=spec.stability_resamples,
        umap=spec.umap,
        usual_spread=spec.usual_spread,
    )
