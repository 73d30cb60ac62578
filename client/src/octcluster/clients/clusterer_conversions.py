"""Between the clusterer's messages and the library's own data classes."""

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from octcluster_protos.clusterer.v1 import clusterer_pb2 as messages

from octcluster.clients.batches import cut
from octcluster.clients.message_fields import enum_name, fields_of
from octcluster.model.placements import Placements, UnitPlacement
from octcluster.model.results import (
    Association,
    ClusteringResult,
    Contingency,
    Duplicates,
    DuplicateSearch,
    Interval,
    NearDuplicate,
    RunResult,
    Score,
    Scores,
    Stability,
    WhiteningDecision,
)
from octcluster.model.runs import Member, Preparation, RunSpec, RunState, RunStatus, VectorSpace
from octcluster.model.server_info import AlgorithmInfo, ClustererInfo, ClustererLimits

_PATIENT_WHITENINGS = {
    False: messages.PATIENT_WHITENING_UNSPECIFIED,
    True: messages.PATIENT_WHITENING_ON,
    "auto": messages.PATIENT_WHITENING_AUTO,
}


def _algorithm_name(value: "messages.Algorithm.ValueType") -> str:
    return enum_name(messages.Algorithm, value, "ALGORITHM_").replace("_", "-")


def _algorithm(name: str) -> "messages.Algorithm.ValueType":
    return messages.Algorithm.Value("ALGORITHM_" + name.upper().replace("-", "_"))


def read_clusterer_info(message: messages.GetServerInfoResponse) -> ClustererInfo:
    """Converts GetServerInfoResponse of the clusterer."""
    return ClustererInfo(
        version=message.version,
        algorithms=[
            AlgorithmInfo(_algorithm_name(one.algorithm), one.finds_cluster_count)
            for one in message.algorithms
        ],
        limits=ClustererLimits(**fields_of(ClustererLimits, message.limits)),
        blas_kernels=message.blas_kernels,
    )


def space_message(space: VectorSpace) -> messages.VectorSpace:
    """What the clusterer needs to know of a space."""
    data_type = messages.DataType.Value(f"DATA_TYPE_{space.data_type.upper()}")
    return messages.VectorSpace(digest=space.digest, data_type=data_type, dimension=space.dimension)


def vector_entries(vectors: Iterable[tuple[bytes, bytes]]) -> list[messages.VectorEntry]:
    """Converts pairs of image key and vector."""
    return [messages.VectorEntry(image_key=key, vector=vector) for key, vector in vectors]


def _preparation_message(preparation: Preparation) -> messages.Preparation:
    message = messages.Preparation(
        l2_normalize=preparation.l2_normalize,
        standardize=preparation.standardize,
        whiten=preparation.whiten,
        part_dimensions=preparation.part_dimensions,
        whiten_within_patients=_PATIENT_WHITENINGS[preparation.whiten_within_patients],
        normalize_prepared=preparation.normalize_prepared,
    )
    if isinstance(preparation.pca, float):
        message.pca_variance = preparation.pca
    elif preparation.pca is not None:
        message.pca_components = preparation.pca
    return message


def spec_message(spec: RunSpec) -> messages.RunSpec:
    """Converts a run's spec."""
    return messages.RunSpec(
        run_id=spec.run_id,
        space=space_message(spec.space),
        preparation=_preparation_message(spec.preparation),
        algorithms=[_algorithm(name) for name in spec.algorithms],
        min_clusters=spec.min_clusters,
        max_clusters=spec.max_clusters,
        seed=spec.seed,
        stability_resamples=spec.stability_resamples,
        umap=spec.umap,
        usual_spread=spec.space.usual_spread,
    )


def start_run_messages(
    spec: RunSpec, members: Sequence[Member], max_keys_per_message: int
) -> Iterator[messages.StartRunRequest]:
    """Converts a run's spec and members into the messages of StartRun, the spec first."""
    yield messages.StartRunRequest(spec=spec_message(spec), member_count=len(members))
    names = list(dict.fromkeys(name for member in members for name in member.numbers))
    for chunk in cut(members, max_keys_per_message):
        yield messages.StartRunRequest(
            members=messages.MemberChunk(
                image_keys=[member.image_key for member in chunk],
                class_indices=_indices([member.class_index for member in chunk]),
                patient_indices=_indices([member.patient_index for member in chunk]),
                unit_indices=_indices([member.unit_index for member in chunk]),
                number_columns=[
                    messages.NumberColumn(
                        name=name, values=[member.numbers.get(name, math.nan) for member in chunk]
                    )
                    for name in names
                ],
            )
        )


def _indices(values: Sequence[int | None]) -> list[int]:
    """-1 for what is unknown; empty if all is."""
    if all(value is None for value in values):
        return []
    return [-1 if value is None else value for value in values]


def read_status(message: messages.RunStatus) -> RunStatus:
    """Converts RunStatus."""
    return RunStatus(
        run_id=message.run_id,
        state=RunState(enum_name(messages.RunState, message.state, "RUN_STATE_")),
        stage=enum_name(messages.RunStage, message.stage, "RUN_STAGE_"),
        stage_done=message.stage_done,
        stage_total=message.stage_total,
        queue_position=message.queue_position,
        error_code=enum_name(messages.RunErrorCode, message.error.code, "RUN_ERROR_CODE_"),
        error_message=message.error.message,
        members=message.members,
        created=_read_created(message),
        not_kept_reason=message.not_kept_reason,
    )


def _read_created(message: messages.RunStatus) -> datetime | None:
    return message.created.ToDatetime(tzinfo=UTC) if message.HasField("created") else None


def read_result(message: messages.RunResult) -> RunResult:
    """Converts RunResult."""
    return RunResult(
        results=[_read_clustering(result) for result in message.results],
        chosen=message.chosen,
        chosen_reason=message.chosen_reason,
        input_dimension=message.input_dimension,
        prepared_dimension=message.prepared_dimension,
        explained_variance_ratios=list(message.explained_variance_ratios),
        stage_seconds={
            enum_name(messages.RunStage, time.stage, "RUN_STAGE_"): time.seconds
            for time in message.stage_times
        },
        stage_peak_bytes={
            enum_name(messages.RunStage, time.stage, "RUN_STAGE_"): time.peak_memory_bytes
            for time in message.stage_times
            if time.peak_memory_bytes
        },
        space_digest=message.spec.space.digest,
        duplicates=_read_duplicates(message.duplicates),
        umap_missing_reason=message.umap_missing_reason,
        umap_sampled_units=message.umap_sampled_units or None,
        fitted_missing_reason=message.fitted_missing_reason,
        patient_whitening=(
            WhiteningDecision(**fields_of(WhiteningDecision, message.patient_whitening))
            if message.HasField("patient_whitening")
            else None
        ),
    )


def _read_duplicates(message: messages.Duplicates) -> Duplicates:
    return Duplicates(
        pairs=[NearDuplicate(**fields_of(NearDuplicate, pair)) for pair in message.pairs],
        total_pairs=message.total_pairs,
        threshold=message.threshold,
        search=_read_search(message.search) if message.HasField("search") else None,
    )


def _read_search(message: messages.DuplicateSearch) -> DuplicateSearch:
    return DuplicateSearch(**fields_of(DuplicateSearch, message) | {"recall": _read_score(message.recall)})


def _read_clustering(message: messages.ClusteringResult) -> ClusteringResult:
    return ClusteringResult(
        algorithm=_algorithm_name(message.algorithm),
        requested_clusters=message.requested_clusters or None,
        clusters=message.clusters,
        noise=message.noise,
        scores=Scores(
            **{name: _read_score(score) for name, score in fields_of(Scores, message.scores).items()}
        ),
        contingency=_read_contingency(message.contingency) if message.HasField("contingency") else None,
        seconds=message.seconds,
        cluster_sizes=list(message.cluster_sizes),
        class_of_cluster={one: index for one, index in enumerate(message.class_of_cluster) if index >= 0},
        stability=_read_stability(message.stability) if message.HasField("stability") else None,
        associations=[_read_association(association) for association in message.associations],
        rating=message.rating if message.HasField("rating") else None,
        sampled_units=message.sampled_units or None,
    )


def _read_stability(message: messages.Stability) -> Stability:
    return Stability(
        overall=_read_score(message.overall),
        clusters=[_read_score(score) for score in message.clusters],
        resamples=message.resamples,
    )


def _read_association(message: messages.Association) -> Association:
    return Association(
        name=message.name,
        mutual_information=message.mutual_information,
        adjusted_mutual_information=_read_score(message.adjusted_mutual_information),
        members=message.members,
    )


def _read_score(message: messages.Score) -> Score:
    if message.WhichOneof("outcome") == "value":
        interval = Interval(**fields_of(Interval, message.interval)) if message.HasField("interval") else None
        return Score(message.value, interval=interval, sampled_units=message.sampled_members or None)
    return Score(undefined_reason=message.undefined_reason or "the clusterer gave no reason")


def _read_contingency(message: messages.Contingency) -> Contingency:
    return Contingency(
        class_indices=list(message.class_indices),
        clusters=list(message.clusters),
        counts=[list(row) for row in cut(message.counts, len(message.clusters))],
    )


def read_placements(responses: Iterable[messages.AssignResponse]) -> Placements:
    """Joins the messages of one or more calls of Assign on one result of a run."""
    keys: list[bytes] = []
    clusters: list[int] = []
    distances: list[float] = []
    margins: list[float] = []
    outliers: list[bool] = []
    percentiles: list[int] = []
    units: dict[int, UnitPlacement] = {}
    fitted_agreement = None
    for response in responses:
        keys.extend(response.image_keys)
        clusters.extend(response.clusters)
        distances.extend(response.distances)
        margins.extend(response.margins)
        outliers.extend(response.outliers)
        percentiles.extend(response.percentiles)
        units |= _read_units(response.units)
        if response.image_keys:
            fitted_agreement = response.fitted_agreement
    return Placements(keys, clusters, distances, margins, outliers, percentiles, fitted_agreement, units)


def _read_units(message: messages.UnitPlacements) -> dict[int, UnitPlacement]:
    columns = zip(message.unit_numbers, message.clusters, message.margins, message.images, strict=True)
    return {number: UnitPlacement(cluster, margin, images) for number, cluster, margin, images in columns}
