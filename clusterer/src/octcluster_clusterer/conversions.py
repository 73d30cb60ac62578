"""Between the messages of the contract and plain data: checks what comes in, fills in what goes out."""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb

from octcluster_clusterer.assignment import FittedRun
from octcluster_clusterer.errors import CannotAssign, InvalidRequest, MessageTooLarge
from octcluster_clusterer.member_columns import MemberColumns
from octcluster_clusterer.run_records import Members, RunError, RunRecord, RunStatus
from octcluster_clusterer.runs import (
    Algorithm,
    Association,
    ClusteringResult,
    Contingency,
    Duplicates,
    Preparation,
    RunResult,
    RunSpec,
    Score,
    Scores,
    Stability,
    Stage,
    VectorSpace,
)
from octcluster_clusterer.vector_store.vector_cache import IMAGE_KEY_BYTES, Rejection

SPACE_DIGEST_BYTES = 32
MEMBERS_PER_MESSAGE = 10_000
_LARGEST_ANSWER_BYTES = 4 * 2**20
# What an entry of a message takes beside its vector: an image key, tags and lengths.
_ENTRY_BYTES = IMAGE_KEY_BYTES + 32
_LARGEST_DIMENSION = 2**22


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
    if message.data_type != pb.DATA_TYPE_FLOAT32:
        raise InvalidRequest("space.data_type must be DATA_TYPE_FLOAT32")
    if not 1 <= message.dimension <= _LARGEST_DIMENSION:
        raise InvalidRequest(f"space.dimension is {message.dimension}, must be 1 to {_LARGEST_DIMENSION}")
    return VectorSpace(message.digest, message.dimension)


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


def count_vectors_per_message(space: VectorSpace, limits: Limits) -> int:
    """Counts the vectors that one message may hold; raises InvalidRequest if not even one fits."""
    n_bytes = 4 * space.dimension + _ENTRY_BYTES
    if n_bytes > limits.max_message_bytes:
        raise InvalidRequest(
            f"a vector of {space.dimension} values does not fit into a message of at most "
            f"{limits.max_message_bytes} bytes (--max-message-bytes of the clusterer)"
        )
    return max(1, min(limits.max_message_bytes, _LARGEST_ANSWER_BYTES) // n_bytes)


def from_vectors(vectors: Sequence[tuple[bytes, bytes]]) -> pb.GetVectorsResponse:
    """Converts image keys and vectors."""
    entries = [pb.VectorEntry(image_key=image_key, vector=vector) for image_key, vector in vectors]
    return pb.GetVectorsResponse(entries=entries)


def from_rejections(rejections: Sequence[Rejection]) -> list[pb.RejectedVector]:
    """Converts the vectors that were not stored."""
    return [pb.RejectedVector(image_key=one.image_key, reason=one.reason) for one in rejections]


async def read_run(
    requests: AsyncIterator[pb.StartRunRequest], limits: Limits, check_room: Callable[[str], None]
) -> tuple[RunSpec, Members]:
    """Reads a run's spec and members from their stream; raises InvalidRequest or MessageTooLarge.

    ``check_room`` gets the run's id before any members are read; what it raises gets through.
    """
    spec: RunSpec | None = None
    columns = MemberColumns()
    async for request in requests:
        kind = request.WhichOneof("payload")
        if kind != ("spec" if spec is None else "members"):
            raise InvalidRequest("the first message must hold the spec, all others members")
        if kind == "spec":
            spec = to_spec(request.spec)
            check_room(spec.run_id)
            continue
        chunk = request.members
        numbers = [(column.name, column.values) for column in chunk.number_columns]
        keys = to_image_keys(chunk.image_keys, limits)
        columns.add(keys, chunk.class_indices, chunk.group_indices, numbers)
        if len(columns) > limits.max_members:
            raise MessageTooLarge(f"the run has more than {limits.max_members} members: start smaller runs")
    if spec is None or not len(columns):
        raise InvalidRequest("a run needs a spec and members")
    return spec, columns.finish()


def to_spec(message: pb.RunSpec) -> RunSpec:
    """Checks the form of a spec and converts it; raises InvalidRequest. The pipeline checks its sense."""
    if not re.fullmatch("[0-9a-f]{32}", message.run_id):
        raise InvalidRequest("run_id must be 32 lower-case hexadecimal digits")
    if not message.algorithms:
        raise InvalidRequest("algorithms must name at least one")
    preparation = message.preparation
    pca = preparation.WhichOneof("pca")
    return RunSpec(
        run_id=message.run_id,
        space=to_space(message.space),
        preparation=Preparation(
            l2_normalize=preparation.l2_normalize,
            standardize=preparation.standardize,
            pca=getattr(preparation, pca) if pca else None,
            whiten=preparation.whiten,
            part_dimensions=tuple(preparation.part_dimensions),
            normalize_prepared=preparation.normalize_prepared,
        ),
        algorithms=[_to_algorithm(number) for number in message.algorithms],
        min_clusters=message.min_clusters,
        max_clusters=message.max_clusters,
        seed=message.seed,
        stability_resamples=message.stability_resamples,
    )


def _to_algorithm(number: int) -> Algorithm:
    for algorithm in Algorithm:
        if pb.Algorithm.Value(from_algorithm(algorithm)) == number:
            return algorithm
    raise InvalidRequest(
        f"algorithms has {number}, which names none: ask GetServerInfo for those this server has"
    )


def from_algorithm(algorithm: Algorithm) -> str:
    """Converts an algorithm's name on the command line to its name in the contract."""
    return f"ALGORITHM_{algorithm.upper().replace('-', '_')}"


def from_spec(spec: RunSpec) -> pb.RunSpec:
    """Converts a spec."""
    preparation = pb.Preparation(
        l2_normalize=spec.preparation.l2_normalize,
        standardize=spec.preparation.standardize,
        whiten=spec.preparation.whiten,
        part_dimensions=spec.preparation.part_dimensions,
        normalize_prepared=spec.preparation.normalize_prepared,
    )
    if isinstance(spec.preparation.pca, int):
        preparation.pca_components = spec.preparation.pca
    elif spec.preparation.pca is not None:
        preparation.pca_variance = spec.preparation.pca
    return pb.RunSpec(
        run_id=spec.run_id,
        space=pb.VectorSpace(
            digest=spec.space.digest, data_type=pb.DATA_TYPE_FLOAT32, dimension=spec.space.dimension
        ),
        preparation=preparation,
        algorithms=[from_algorithm(algorithm) for algorithm in spec.algorithms],
        min_clusters=spec.min_clusters,
        max_clusters=spec.max_clusters,
        seed=spec.seed,
        stability_resamples=spec.stability_resamples,
    )


def from_status(status: RunStatus) -> pb.RunStatus:
    """Converts a status."""
    return pb.RunStatus(
        run_id=status.run_id,
        state=f"RUN_STATE_{status.state.upper()}",
        stage=_from_stage(status.stage) if status.stage else None,
        stage_done=status.stage_done,
        stage_total=status.stage_total,
        queue_position=status.queue_position,
        error=_from_error(status.error) if status.error else None,
        members=status.n_members,
        created=_from_time(status.created),
        started=_from_time(status.started),
        finished=_from_time(status.finished),
    )


def _from_stage(stage: Stage) -> str:
    return f"RUN_STAGE_{stage.upper()}"


def _from_error(error: RunError) -> pb.RunError:
    return pb.RunError(code=f"RUN_ERROR_CODE_{error.code.upper()}", message=error.message)


def _from_time(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp


def from_record(record: RunRecord) -> pb.GetRunResponse:
    """Converts a run as it stands, without its assignments."""
    result = from_result(record.result, record.spec) if record.result else None
    return pb.GetRunResponse(status=from_status(record.status), result=result)


def from_result(result: RunResult, spec: RunSpec) -> pb.RunResult:
    """Converts what a run found, without its assignments."""
    return pb.RunResult(
        results=[_from_clustering(one) for one in result.results],
        chosen=result.chosen,
        chosen_reason=result.chosen_reason,
        input_dimension=result.input_dimension,
        prepared_dimension=result.prepared_dimension,
        explained_variance_ratios=result.explained_variance_ratios,
        stage_times=[
            pb.StageTime(stage=_from_stage(stage), seconds=seconds)
            for stage, seconds in result.stage_seconds.items()
        ],
        spec=from_spec(spec),
        duplicates=_from_duplicates(result.duplicates) if result.duplicates else None,
    )


def _from_duplicates(duplicates: Duplicates) -> pb.Duplicates:
    return pb.Duplicates(
        pairs=[pb.NearDuplicate(**vars(pair)) for pair in duplicates.pairs],
        total_pairs=duplicates.total_pairs,
        threshold=duplicates.threshold,
    )


def _from_clustering(result: ClusteringResult) -> pb.ClusteringResult:
    sizes = result.cluster_sizes
    return pb.ClusteringResult(
        algorithm=from_algorithm(result.algorithm),
        requested_clusters=result.requested_clusters,
        clusters=len(sizes),
        noise=len(result.labels) - int(sizes.sum()),
        scores=_from_scores(result.scores),
        contingency=_from_contingency(result.contingency) if result.contingency else None,
        seconds=result.seconds,
        cluster_sizes=sizes,
        stability=_from_stability(result.stability) if result.stability else None,
        associations=[_from_association(one) for one in result.associations],
    )


def _from_stability(stability: Stability) -> pb.Stability:
    return pb.Stability(
        overall=_from_score(stability.overall),
        clusters=[_from_score(one) for one in stability.clusters],
        resamples=stability.resamples,
    )


def _from_association(association: Association) -> pb.Association:
    return pb.Association(
        name=association.name,
        mutual_information=association.mutual_information,
        adjusted_mutual_information=_from_score(association.adjusted_mutual_information),
        members=association.members,
    )


def _from_contingency(contingency: Contingency) -> pb.Contingency:
    return pb.Contingency(
        class_indices=contingency.class_indices,
        clusters=contingency.clusters,
        counts=contingency.counts.ravel(),
    )


def _from_scores(scores: Scores) -> pb.Scores:
    return pb.Scores(**{field.name: _from_score(getattr(scores, field.name)) for field in fields(scores)})


def _from_score(score: Score) -> pb.Score:
    if score.value is None:
        return pb.Score(undefined_reason=score.undefined_reason)
    interval = pb.Interval(low=score.interval.low, high=score.interval.high) if score.interval else None
    return pb.Score(value=score.value, interval=interval)


def from_assignments(record: RunRecord, result_index: int) -> Iterator[pb.StreamAssignmentsResponse]:
    """Converts the members' assignments in one result of a run, message by message.

    Raises:
        InvalidRequest: The run has no result of this index.
    """
    run = _find_result(record, result_index)
    result = run.results[result_index]
    for start in range(0, len(record.image_keys), MEMBERS_PER_MESSAGE):
        part = slice(start, start + MEMBERS_PER_MESSAGE)
        yield pb.StreamAssignmentsResponse(
            image_keys=[key.tobytes() for key in record.image_keys[part]],
            clusters=result.labels[part],
            silhouettes=result.silhouettes[part],
            x=run.coordinates[part, 0],
            y=run.coordinates[part, 1],
        )


def _find_result(record: RunRecord, result_index: int) -> RunResult:
    """The run's result, if it has one of this index."""
    if record.result is None or result_index >= len(record.result.results):
        n_results = len(record.result.results) if record.result else 0
        raise InvalidRequest(f"result_index is {result_index}, the run has {n_results} results, from 0")
    return record.result


def to_fitted_run(record: RunRecord, result_index: int) -> FittedRun:
    """Returns what puts other images into the clusters of a result of a run.

    Raises:
        InvalidRequest: The run has no result of this index.
        CannotAssign: It was not kept.
    """
    run = _find_result(record, result_index)
    if run.fitted is None:
        raise CannotAssign(
            "the run kept nothing to assign other images with, it would have been too large: start a run "
            "with pooled vectors or fewer principal components (--pca)"
        )
    return run.fitted


def assign_vectors(
    fitted: FittedRun, result_index: int, vectors: Sequence[tuple[bytes, bytes]]
) -> pb.AssignResponse:
    """Puts images, given by key and vector, into clusters; raises CannotAssign."""
    values = np.frombuffer(b"".join(vector for _, vector in vectors), dtype="<f4")
    assigned, agreement = fitted.assign(result_index, values.reshape(len(vectors), -1))
    return pb.AssignResponse(
        image_keys=[image_key for image_key, _ in vectors], **vars(assigned), fitted_agreement=agreement
    )
