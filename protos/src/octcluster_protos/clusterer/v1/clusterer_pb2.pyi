import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DataType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATA_TYPE_UNSPECIFIED: _ClassVar[DataType]
    DATA_TYPE_FLOAT32: _ClassVar[DataType]
    DATA_TYPE_UINT8: _ClassVar[DataType]

class Algorithm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALGORITHM_UNSPECIFIED: _ClassVar[Algorithm]
    ALGORITHM_KMEANS: _ClassVar[Algorithm]
    ALGORITHM_MINIBATCH_KMEANS: _ClassVar[Algorithm]
    ALGORITHM_GMM: _ClassVar[Algorithm]
    ALGORITHM_SPECTRAL: _ClassVar[Algorithm]
    ALGORITHM_AGGLOMERATIVE: _ClassVar[Algorithm]
    ALGORITHM_HDBSCAN: _ClassVar[Algorithm]
    ALGORITHM_HG_MEANS: _ClassVar[Algorithm]
    ALGORITHM_CONSENSUS: _ClassVar[Algorithm]

class RunState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUN_STATE_UNSPECIFIED: _ClassVar[RunState]
    RUN_STATE_QUEUED: _ClassVar[RunState]
    RUN_STATE_RUNNING: _ClassVar[RunState]
    RUN_STATE_SUCCEEDED: _ClassVar[RunState]
    RUN_STATE_FAILED: _ClassVar[RunState]
    RUN_STATE_CANCELLED: _ClassVar[RunState]

class RunStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUN_STAGE_UNSPECIFIED: _ClassVar[RunStage]
    RUN_STAGE_LOADING: _ClassVar[RunStage]
    RUN_STAGE_PREPARING: _ClassVar[RunStage]
    RUN_STAGE_CLUSTERING: _ClassVar[RunStage]
    RUN_STAGE_SCORING: _ClassVar[RunStage]
    RUN_STAGE_SAVING: _ClassVar[RunStage]
    RUN_STAGE_TRUSTING: _ClassVar[RunStage]
    RUN_STAGE_MAPPING: _ClassVar[RunStage]

class RunErrorCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUN_ERROR_CODE_UNSPECIFIED: _ClassVar[RunErrorCode]
    RUN_ERROR_CODE_VECTORS_MISSING: _ClassVar[RunErrorCode]
    RUN_ERROR_CODE_INVALID: _ClassVar[RunErrorCode]
    RUN_ERROR_CODE_STORE_UNAVAILABLE: _ClassVar[RunErrorCode]
    RUN_ERROR_CODE_INTERNAL: _ClassVar[RunErrorCode]
DATA_TYPE_UNSPECIFIED: DataType
DATA_TYPE_FLOAT32: DataType
DATA_TYPE_UINT8: DataType
ALGORITHM_UNSPECIFIED: Algorithm
ALGORITHM_KMEANS: Algorithm
ALGORITHM_MINIBATCH_KMEANS: Algorithm
ALGORITHM_GMM: Algorithm
ALGORITHM_SPECTRAL: Algorithm
ALGORITHM_AGGLOMERATIVE: Algorithm
ALGORITHM_HDBSCAN: Algorithm
ALGORITHM_HG_MEANS: Algorithm
ALGORITHM_CONSENSUS: Algorithm
RUN_STATE_UNSPECIFIED: RunState
RUN_STATE_QUEUED: RunState
RUN_STATE_RUNNING: RunState
RUN_STATE_SUCCEEDED: RunState
RUN_STATE_FAILED: RunState
RUN_STATE_CANCELLED: RunState
RUN_STAGE_UNSPECIFIED: RunStage
RUN_STAGE_LOADING: RunStage
RUN_STAGE_PREPARING: RunStage
RUN_STAGE_CLUSTERING: RunStage
RUN_STAGE_SCORING: RunStage
RUN_STAGE_SAVING: RunStage
RUN_STAGE_TRUSTING: RunStage
RUN_STAGE_MAPPING: RunStage
RUN_ERROR_CODE_UNSPECIFIED: RunErrorCode
RUN_ERROR_CODE_VECTORS_MISSING: RunErrorCode
RUN_ERROR_CODE_INVALID: RunErrorCode
RUN_ERROR_CODE_STORE_UNAVAILABLE: RunErrorCode
RUN_ERROR_CODE_INTERNAL: RunErrorCode

class VectorSpace(_message.Message):
    __slots__ = ("digest", "data_type", "dimension")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    DATA_TYPE_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    digest: bytes
    data_type: DataType
    dimension: int
    def __init__(self, digest: _Optional[bytes] = ..., data_type: _Optional[_Union[DataType, str]] = ..., dimension: _Optional[int] = ...) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_message_bytes", "max_keys_per_message", "max_members", "max_queued_runs")
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_KEYS_PER_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MAX_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    MAX_QUEUED_RUNS_FIELD_NUMBER: _ClassVar[int]
    max_message_bytes: int
    max_keys_per_message: int
    max_members: int
    max_queued_runs: int
    def __init__(self, max_message_bytes: _Optional[int] = ..., max_keys_per_message: _Optional[int] = ..., max_members: _Optional[int] = ..., max_queued_runs: _Optional[int] = ...) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "algorithms", "limits", "blas_kernels")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ALGORITHMS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    BLAS_KERNELS_FIELD_NUMBER: _ClassVar[int]
    version: str
    algorithms: _containers.RepeatedScalarFieldContainer[Algorithm]
    limits: Limits
    blas_kernels: str
    def __init__(self, version: _Optional[str] = ..., algorithms: _Optional[_Iterable[_Union[Algorithm, str]]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., blas_kernels: _Optional[str] = ...) -> None: ...

class FindMissingVectorsRequest(_message.Message):
    __slots__ = ("space", "image_keys")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_KEYS_FIELD_NUMBER: _ClassVar[int]
    space: VectorSpace
    image_keys: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, space: _Optional[_Union[VectorSpace, _Mapping]] = ..., image_keys: _Optional[_Iterable[bytes]] = ...) -> None: ...

class FindMissingVectorsResponse(_message.Message):
    __slots__ = ("missing_image_keys",)
    MISSING_IMAGE_KEYS_FIELD_NUMBER: _ClassVar[int]
    missing_image_keys: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, missing_image_keys: _Optional[_Iterable[bytes]] = ...) -> None: ...

class VectorEntry(_message.Message):
    __slots__ = ("image_key", "vector")
    IMAGE_KEY_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    image_key: bytes
    vector: bytes
    def __init__(self, image_key: _Optional[bytes] = ..., vector: _Optional[bytes] = ...) -> None: ...

class PutVectorsRequest(_message.Message):
    __slots__ = ("space", "entries")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    space: VectorSpace
    entries: _containers.RepeatedCompositeFieldContainer[VectorEntry]
    def __init__(self, space: _Optional[_Union[VectorSpace, _Mapping]] = ..., entries: _Optional[_Iterable[_Union[VectorEntry, _Mapping]]] = ...) -> None: ...

class GetVectorsRequest(_message.Message):
    __slots__ = ("space", "image_keys")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_KEYS_FIELD_NUMBER: _ClassVar[int]
    space: VectorSpace
    image_keys: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, space: _Optional[_Union[VectorSpace, _Mapping]] = ..., image_keys: _Optional[_Iterable[bytes]] = ...) -> None: ...

class GetVectorsResponse(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[VectorEntry]
    def __init__(self, entries: _Optional[_Iterable[_Union[VectorEntry, _Mapping]]] = ...) -> None: ...

class RejectedVector(_message.Message):
    __slots__ = ("image_key", "reason")
    IMAGE_KEY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    image_key: bytes
    reason: str
    def __init__(self, image_key: _Optional[bytes] = ..., reason: _Optional[str] = ...) -> None: ...

class PutVectorsResponse(_message.Message):
    __slots__ = ("stored", "rejected")
    STORED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    stored: int
    rejected: _containers.RepeatedCompositeFieldContainer[RejectedVector]
    def __init__(self, stored: _Optional[int] = ..., rejected: _Optional[_Iterable[_Union[RejectedVector, _Mapping]]] = ...) -> None: ...

class Preparation(_message.Message):
    __slots__ = ("l2_normalize", "standardize", "pca_variance", "pca_components", "whiten", "part_dimensions", "normalize_prepared", "whiten_within_patients")
    L2_NORMALIZE_FIELD_NUMBER: _ClassVar[int]
    STANDARDIZE_FIELD_NUMBER: _ClassVar[int]
    PCA_VARIANCE_FIELD_NUMBER: _ClassVar[int]
    PCA_COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    WHITEN_FIELD_NUMBER: _ClassVar[int]
    PART_DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    NORMALIZE_PREPARED_FIELD_NUMBER: _ClassVar[int]
    WHITEN_WITHIN_PATIENTS_FIELD_NUMBER: _ClassVar[int]
    l2_normalize: bool
    standardize: bool
    pca_variance: float
    pca_components: int
    whiten: bool
    part_dimensions: _containers.RepeatedScalarFieldContainer[int]
    normalize_prepared: bool
    whiten_within_patients: bool
    def __init__(self, l2_normalize: bool = ..., standardize: bool = ..., pca_variance: _Optional[float] = ..., pca_components: _Optional[int] = ..., whiten: bool = ..., part_dimensions: _Optional[_Iterable[int]] = ..., normalize_prepared: bool = ..., whiten_within_patients: bool = ...) -> None: ...

class RunSpec(_message.Message):
    __slots__ = ("run_id", "space", "preparation", "algorithms", "min_clusters", "max_clusters", "seed", "stability_resamples", "umap")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    PREPARATION_FIELD_NUMBER: _ClassVar[int]
    ALGORITHMS_FIELD_NUMBER: _ClassVar[int]
    MIN_CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    MAX_CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STABILITY_RESAMPLES_FIELD_NUMBER: _ClassVar[int]
    UMAP_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    space: VectorSpace
    preparation: Preparation
    algorithms: _containers.RepeatedScalarFieldContainer[Algorithm]
    min_clusters: int
    max_clusters: int
    seed: int
    stability_resamples: int
    umap: bool
    def __init__(self, run_id: _Optional[str] = ..., space: _Optional[_Union[VectorSpace, _Mapping]] = ..., preparation: _Optional[_Union[Preparation, _Mapping]] = ..., algorithms: _Optional[_Iterable[_Union[Algorithm, str]]] = ..., min_clusters: _Optional[int] = ..., max_clusters: _Optional[int] = ..., seed: _Optional[int] = ..., stability_resamples: _Optional[int] = ..., umap: bool = ...) -> None: ...

class MemberChunk(_message.Message):
    __slots__ = ("image_keys", "class_indices", "patient_indices", "number_columns")
    IMAGE_KEYS_FIELD_NUMBER: _ClassVar[int]
    CLASS_INDICES_FIELD_NUMBER: _ClassVar[int]
    PATIENT_INDICES_FIELD_NUMBER: _ClassVar[int]
    NUMBER_COLUMNS_FIELD_NUMBER: _ClassVar[int]
    image_keys: _containers.RepeatedScalarFieldContainer[bytes]
    class_indices: _containers.RepeatedScalarFieldContainer[int]
    patient_indices: _containers.RepeatedScalarFieldContainer[int]
    number_columns: _containers.RepeatedCompositeFieldContainer[NumberColumn]
    def __init__(self, image_keys: _Optional[_Iterable[bytes]] = ..., class_indices: _Optional[_Iterable[int]] = ..., patient_indices: _Optional[_Iterable[int]] = ..., number_columns: _Optional[_Iterable[_Union[NumberColumn, _Mapping]]] = ...) -> None: ...

class NumberColumn(_message.Message):
    __slots__ = ("name", "values")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, name: _Optional[str] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class StartRunRequest(_message.Message):
    __slots__ = ("spec", "members")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    spec: RunSpec
    members: MemberChunk
    def __init__(self, spec: _Optional[_Union[RunSpec, _Mapping]] = ..., members: _Optional[_Union[MemberChunk, _Mapping]] = ...) -> None: ...

class StartRunResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: RunStatus
    def __init__(self, status: _Optional[_Union[RunStatus, _Mapping]] = ...) -> None: ...

class RunError(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: RunErrorCode
    message: str
    def __init__(self, code: _Optional[_Union[RunErrorCode, str]] = ..., message: _Optional[str] = ...) -> None: ...

class RunStatus(_message.Message):
    __slots__ = ("run_id", "state", "stage", "stage_done", "stage_total", "queue_position", "error", "members", "created", "started", "finished")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    STAGE_DONE_FIELD_NUMBER: _ClassVar[int]
    STAGE_TOTAL_FIELD_NUMBER: _ClassVar[int]
    QUEUE_POSITION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    state: RunState
    stage: RunStage
    stage_done: int
    stage_total: int
    queue_position: int
    error: RunError
    members: int
    created: _timestamp_pb2.Timestamp
    started: _timestamp_pb2.Timestamp
    finished: _timestamp_pb2.Timestamp
    def __init__(self, run_id: _Optional[str] = ..., state: _Optional[_Union[RunState, str]] = ..., stage: _Optional[_Union[RunStage, str]] = ..., stage_done: _Optional[int] = ..., stage_total: _Optional[int] = ..., queue_position: _Optional[int] = ..., error: _Optional[_Union[RunError, _Mapping]] = ..., members: _Optional[int] = ..., created: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WatchRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class WatchRunResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: RunStatus
    def __init__(self, status: _Optional[_Union[RunStatus, _Mapping]] = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class Score(_message.Message):
    __slots__ = ("value", "undefined_reason", "interval")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    UNDEFINED_REASON_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    value: float
    undefined_reason: str
    interval: Interval
    def __init__(self, value: _Optional[float] = ..., undefined_reason: _Optional[str] = ..., interval: _Optional[_Union[Interval, _Mapping]] = ...) -> None: ...

class Interval(_message.Message):
    __slots__ = ("low", "high")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    low: float
    high: float
    def __init__(self, low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class Stability(_message.Message):
    __slots__ = ("overall", "clusters", "resamples")
    OVERALL_FIELD_NUMBER: _ClassVar[int]
    CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    RESAMPLES_FIELD_NUMBER: _ClassVar[int]
    overall: Score
    clusters: _containers.RepeatedCompositeFieldContainer[Score]
    resamples: int
    def __init__(self, overall: _Optional[_Union[Score, _Mapping]] = ..., clusters: _Optional[_Iterable[_Union[Score, _Mapping]]] = ..., resamples: _Optional[int] = ...) -> None: ...

class Association(_message.Message):
    __slots__ = ("name", "mutual_information", "adjusted_mutual_information", "members")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MUTUAL_INFORMATION_FIELD_NUMBER: _ClassVar[int]
    ADJUSTED_MUTUAL_INFORMATION_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    mutual_information: float
    adjusted_mutual_information: Score
    members: int
    def __init__(self, name: _Optional[str] = ..., mutual_information: _Optional[float] = ..., adjusted_mutual_information: _Optional[_Union[Score, _Mapping]] = ..., members: _Optional[int] = ...) -> None: ...

class NearDuplicate(_message.Message):
    __slots__ = ("first_member", "second_member", "similarity")
    FIRST_MEMBER_FIELD_NUMBER: _ClassVar[int]
    SECOND_MEMBER_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    first_member: int
    second_member: int
    similarity: float
    def __init__(self, first_member: _Optional[int] = ..., second_member: _Optional[int] = ..., similarity: _Optional[float] = ...) -> None: ...

class Duplicates(_message.Message):
    __slots__ = ("pairs", "total_pairs", "threshold")
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PAIRS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[NearDuplicate]
    total_pairs: int
    threshold: float
    def __init__(self, pairs: _Optional[_Iterable[_Union[NearDuplicate, _Mapping]]] = ..., total_pairs: _Optional[int] = ..., threshold: _Optional[float] = ...) -> None: ...

class Scores(_message.Message):
    __slots__ = ("silhouette", "accuracy", "adjusted_rand_index", "adjusted_mutual_information", "normalized_mutual_information", "homogeneity", "completeness", "v_measure", "fowlkes_mallows", "purity")
    SILHOUETTE_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    ADJUSTED_RAND_INDEX_FIELD_NUMBER: _ClassVar[int]
    ADJUSTED_MUTUAL_INFORMATION_FIELD_NUMBER: _ClassVar[int]
    NORMALIZED_MUTUAL_INFORMATION_FIELD_NUMBER: _ClassVar[int]
    HOMOGENEITY_FIELD_NUMBER: _ClassVar[int]
    COMPLETENESS_FIELD_NUMBER: _ClassVar[int]
    V_MEASURE_FIELD_NUMBER: _ClassVar[int]
    FOWLKES_MALLOWS_FIELD_NUMBER: _ClassVar[int]
    PURITY_FIELD_NUMBER: _ClassVar[int]
    silhouette: Score
    accuracy: Score
    adjusted_rand_index: Score
    adjusted_mutual_information: Score
    normalized_mutual_information: Score
    homogeneity: Score
    completeness: Score
    v_measure: Score
    fowlkes_mallows: Score
    purity: Score
    def __init__(self, silhouette: _Optional[_Union[Score, _Mapping]] = ..., accuracy: _Optional[_Union[Score, _Mapping]] = ..., adjusted_rand_index: _Optional[_Union[Score, _Mapping]] = ..., adjusted_mutual_information: _Optional[_Union[Score, _Mapping]] = ..., normalized_mutual_information: _Optional[_Union[Score, _Mapping]] = ..., homogeneity: _Optional[_Union[Score, _Mapping]] = ..., completeness: _Optional[_Union[Score, _Mapping]] = ..., v_measure: _Optional[_Union[Score, _Mapping]] = ..., fowlkes_mallows: _Optional[_Union[Score, _Mapping]] = ..., purity: _Optional[_Union[Score, _Mapping]] = ...) -> None: ...

class Contingency(_message.Message):
    __slots__ = ("class_indices", "clusters", "counts")
    CLASS_INDICES_FIELD_NUMBER: _ClassVar[int]
    CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    class_indices: _containers.RepeatedScalarFieldContainer[int]
    clusters: _containers.RepeatedScalarFieldContainer[int]
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, class_indices: _Optional[_Iterable[int]] = ..., clusters: _Optional[_Iterable[int]] = ..., counts: _Optional[_Iterable[int]] = ...) -> None: ...

class ClusteringResult(_message.Message):
    __slots__ = ("algorithm", "requested_clusters", "clusters", "noise", "scores", "contingency", "seconds", "cluster_sizes", "stability", "associations", "rating")
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    NOISE_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    CONTINGENCY_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_SIZES_FIELD_NUMBER: _ClassVar[int]
    STABILITY_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATIONS_FIELD_NUMBER: _ClassVar[int]
    RATING_FIELD_NUMBER: _ClassVar[int]
    algorithm: Algorithm
    requested_clusters: int
    clusters: int
    noise: int
    scores: Scores
    contingency: Contingency
    seconds: float
    cluster_sizes: _containers.RepeatedScalarFieldContainer[int]
    stability: Stability
    associations: _containers.RepeatedCompositeFieldContainer[Association]
    rating: float
    def __init__(self, algorithm: _Optional[_Union[Algorithm, str]] = ..., requested_clusters: _Optional[int] = ..., clusters: _Optional[int] = ..., noise: _Optional[int] = ..., scores: _Optional[_Union[Scores, _Mapping]] = ..., contingency: _Optional[_Union[Contingency, _Mapping]] = ..., seconds: _Optional[float] = ..., cluster_sizes: _Optional[_Iterable[int]] = ..., stability: _Optional[_Union[Stability, _Mapping]] = ..., associations: _Optional[_Iterable[_Union[Association, _Mapping]]] = ..., rating: _Optional[float] = ...) -> None: ...

class StageTime(_message.Message):
    __slots__ = ("stage", "seconds", "peak_memory_bytes")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    PEAK_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    stage: RunStage
    seconds: float
    peak_memory_bytes: int
    def __init__(self, stage: _Optional[_Union[RunStage, str]] = ..., seconds: _Optional[float] = ..., peak_memory_bytes: _Optional[int] = ...) -> None: ...

class RunResult(_message.Message):
    __slots__ = ("results", "chosen", "chosen_reason", "input_dimension", "prepared_dimension", "explained_variance_ratios", "stage_times", "spec", "duplicates", "umap_missing_reason")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_REASON_FIELD_NUMBER: _ClassVar[int]
    INPUT_DIMENSION_FIELD_NUMBER: _ClassVar[int]
    PREPARED_DIMENSION_FIELD_NUMBER: _ClassVar[int]
    EXPLAINED_VARIANCE_RATIOS_FIELD_NUMBER: _ClassVar[int]
    STAGE_TIMES_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    UMAP_MISSING_REASON_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ClusteringResult]
    chosen: int
    chosen_reason: str
    input_dimension: int
    prepared_dimension: int
    explained_variance_ratios: _containers.RepeatedScalarFieldContainer[float]
    stage_times: _containers.RepeatedCompositeFieldContainer[StageTime]
    spec: RunSpec
    duplicates: Duplicates
    umap_missing_reason: str
    def __init__(self, results: _Optional[_Iterable[_Union[ClusteringResult, _Mapping]]] = ..., chosen: _Optional[int] = ..., chosen_reason: _Optional[str] = ..., input_dimension: _Optional[int] = ..., prepared_dimension: _Optional[int] = ..., explained_variance_ratios: _Optional[_Iterable[float]] = ..., stage_times: _Optional[_Iterable[_Union[StageTime, _Mapping]]] = ..., spec: _Optional[_Union[RunSpec, _Mapping]] = ..., duplicates: _Optional[_Union[Duplicates, _Mapping]] = ..., umap_missing_reason: _Optional[str] = ...) -> None: ...

class GetRunResponse(_message.Message):
    __slots__ = ("status", "result")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    status: RunStatus
    result: RunResult
    def __init__(self, status: _Optional[_Union[RunStatus, _Mapping]] = ..., result: _Optional[_Union[RunResult, _Mapping]] = ...) -> None: ...

class StreamAssignmentsRequest(_message.Message):
    __slots__ = ("run_id", "result_index")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_INDEX_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    result_index: int
    def __init__(self, run_id: _Optional[str] = ..., result_index: _Optional[int] = ...) -> None: ...

class StreamAssignmentsResponse(_message.Message):
    __slots__ = ("image_keys", "clusters", "silhouettes", "x", "y", "umap_x", "umap_y", "distances")
    IMAGE_KEYS_FIELD_NUMBER: _ClassVar[int]
    CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    SILHOUETTES_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    UMAP_X_FIELD_NUMBER: _ClassVar[int]
    UMAP_Y_FIELD_NUMBER: _ClassVar[int]
    DISTANCES_FIELD_NUMBER: _ClassVar[int]
    image_keys: _containers.RepeatedScalarFieldContainer[bytes]
    clusters: _containers.RepeatedScalarFieldContainer[int]
    silhouettes: _containers.RepeatedScalarFieldContainer[float]
    x: _containers.RepeatedScalarFieldContainer[float]
    y: _containers.RepeatedScalarFieldContainer[float]
    umap_x: _containers.RepeatedScalarFieldContainer[float]
    umap_y: _containers.RepeatedScalarFieldContainer[float]
    distances: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, image_keys: _Optional[_Iterable[bytes]] = ..., clusters: _Optional[_Iterable[int]] = ..., silhouettes: _Optional[_Iterable[float]] = ..., x: _Optional[_Iterable[float]] = ..., y: _Optional[_Iterable[float]] = ..., umap_x: _Optional[_Iterable[float]] = ..., umap_y: _Optional[_Iterable[float]] = ..., distances: _Optional[_Iterable[float]] = ...) -> None: ...

class AssignRequest(_message.Message):
    __slots__ = ("run_id", "result_index", "image_keys")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_INDEX_FIELD_NUMBER: _ClassVar[int]
    IMAGE_KEYS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    result_index: int
    image_keys: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, run_id: _Optional[str] = ..., result_index: _Optional[int] = ..., image_keys: _Optional[_Iterable[bytes]] = ...) -> None: ...

class AssignResponse(_message.Message):
    __slots__ = ("image_keys", "clusters", "distances", "margins", "outliers", "fitted_agreement")
    IMAGE_KEYS_FIELD_NUMBER: _ClassVar[int]
    CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    DISTANCES_FIELD_NUMBER: _ClassVar[int]
    MARGINS_FIELD_NUMBER: _ClassVar[int]
    OUTLIERS_FIELD_NUMBER: _ClassVar[int]
    FITTED_AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    image_keys: _containers.RepeatedScalarFieldContainer[bytes]
    clusters: _containers.RepeatedScalarFieldContainer[int]
    distances: _containers.RepeatedScalarFieldContainer[float]
    margins: _containers.RepeatedScalarFieldContainer[float]
    outliers: _containers.RepeatedScalarFieldContainer[bool]
    fitted_agreement: float
    def __init__(self, image_keys: _Optional[_Iterable[bytes]] = ..., clusters: _Optional[_Iterable[int]] = ..., distances: _Optional[_Iterable[float]] = ..., margins: _Optional[_Iterable[float]] = ..., outliers: _Optional[_Iterable[bool]] = ..., fitted_agreement: _Optional[float] = ...) -> None: ...

class CancelRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class CancelRunResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: RunStatus
    def __init__(self, status: _Optional[_Union[RunStatus, _Mapping]] = ...) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("runs",)
    RUNS_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[RunStatus]
    def __init__(self, runs: _Optional[_Iterable[_Union[RunStatus, _Mapping]]] = ...) -> None: ...

class DeleteRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class DeleteRunResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
