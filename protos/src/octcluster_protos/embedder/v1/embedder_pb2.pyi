from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Features(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FEATURES_UNSPECIFIED: _ClassVar[Features]
    FEATURES_POOLED: _ClassVar[Features]
    FEATURES_FLATTEN: _ClassVar[Features]
    FEATURES_BLOCKS: _ClassVar[Features]
    FEATURES_PIXELS: _ClassVar[Features]

class DataType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATA_TYPE_UNSPECIFIED: _ClassVar[DataType]
    DATA_TYPE_FLOAT32: _ClassVar[DataType]
    DATA_TYPE_UINT8: _ClassVar[DataType]

class EmbedErrorCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EMBED_ERROR_CODE_UNSPECIFIED: _ClassVar[EmbedErrorCode]
    EMBED_ERROR_CODE_EMPTY: _ClassVar[EmbedErrorCode]
    EMBED_ERROR_CODE_TOO_MANY_BYTES: _ClassVar[EmbedErrorCode]
    EMBED_ERROR_CODE_TOO_MANY_PIXELS: _ClassVar[EmbedErrorCode]
    EMBED_ERROR_CODE_TOO_SMALL: _ClassVar[EmbedErrorCode]
    EMBED_ERROR_CODE_UNSUPPORTED_FORMAT: _ClassVar[EmbedErrorCode]
    EMBED_ERROR_CODE_CORRUPT: _ClassVar[EmbedErrorCode]
    EMBED_ERROR_CODE_INTERNAL: _ClassVar[EmbedErrorCode]
FEATURES_UNSPECIFIED: Features
FEATURES_POOLED: Features
FEATURES_FLATTEN: Features
FEATURES_BLOCKS: Features
FEATURES_PIXELS: Features
DATA_TYPE_UNSPECIFIED: DataType
DATA_TYPE_FLOAT32: DataType
DATA_TYPE_UINT8: DataType
EMBED_ERROR_CODE_UNSPECIFIED: EmbedErrorCode
EMBED_ERROR_CODE_EMPTY: EmbedErrorCode
EMBED_ERROR_CODE_TOO_MANY_BYTES: EmbedErrorCode
EMBED_ERROR_CODE_TOO_MANY_PIXELS: EmbedErrorCode
EMBED_ERROR_CODE_TOO_SMALL: EmbedErrorCode
EMBED_ERROR_CODE_UNSUPPORTED_FORMAT: EmbedErrorCode
EMBED_ERROR_CODE_CORRUPT: EmbedErrorCode
EMBED_ERROR_CODE_INTERNAL: EmbedErrorCode

class EmbeddingSpace(_message.Message):
    __slots__ = ("model", "weights_digest", "preprocessing_version", "features", "data_type", "dimension", "digest", "flip", "part_dimensions", "precision")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PREPROCESSING_VERSION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    DATA_TYPE_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    FLIP_FIELD_NUMBER: _ClassVar[int]
    PART_DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    model: str
    weights_digest: str
    preprocessing_version: str
    features: Features
    data_type: DataType
    dimension: int
    digest: bytes
    flip: bool
    part_dimensions: _containers.RepeatedScalarFieldContainer[int]
    precision: str
    def __init__(self, model: _Optional[str] = ..., weights_digest: _Optional[str] = ..., preprocessing_version: _Optional[str] = ..., features: _Optional[_Union[Features, str]] = ..., data_type: _Optional[_Union[DataType, str]] = ..., dimension: _Optional[int] = ..., digest: _Optional[bytes] = ..., flip: bool = ..., part_dimensions: _Optional[_Iterable[int]] = ..., precision: _Optional[str] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("name", "input_height", "input_width", "spaces")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INPUT_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    INPUT_WIDTH_FIELD_NUMBER: _ClassVar[int]
    SPACES_FIELD_NUMBER: _ClassVar[int]
    name: str
    input_height: int
    input_width: int
    spaces: _containers.RepeatedCompositeFieldContainer[EmbeddingSpace]
    def __init__(self, name: _Optional[str] = ..., input_height: _Optional[int] = ..., input_width: _Optional[int] = ..., spaces: _Optional[_Iterable[_Union[EmbeddingSpace, _Mapping]]] = ...) -> None: ...

class MeasureSpace(_message.Message):
    __slots__ = ("names", "digest")
    NAMES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    digest: bytes
    def __init__(self, names: _Optional[_Iterable[str]] = ..., digest: _Optional[bytes] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_message_bytes", "max_image_bytes", "max_image_pixels", "min_image_side", "max_images_per_request")
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_IMAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_IMAGE_PIXELS_FIELD_NUMBER: _ClassVar[int]
    MIN_IMAGE_SIDE_FIELD_NUMBER: _ClassVar[int]
    MAX_IMAGES_PER_REQUEST_FIELD_NUMBER: _ClassVar[int]
    max_message_bytes: int
    max_image_bytes: int
    max_image_pixels: int
    min_image_side: int
    max_images_per_request: int
    def __init__(self, max_message_bytes: _Optional[int] = ..., max_image_bytes: _Optional[int] = ..., max_image_pixels: _Optional[int] = ..., min_image_side: _Optional[int] = ..., max_images_per_request: _Optional[int] = ...) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "runtime", "device", "models", "limits", "measures", "runtime_reason")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_REASON_FIELD_NUMBER: _ClassVar[int]
    version: str
    runtime: str
    device: str
    models: _containers.RepeatedCompositeFieldContainer[ModelInfo]
    limits: Limits
    measures: MeasureSpace
    runtime_reason: str
    def __init__(self, version: _Optional[str] = ..., runtime: _Optional[str] = ..., device: _Optional[str] = ..., models: _Optional[_Iterable[_Union[ModelInfo, _Mapping]]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., measures: _Optional[_Union[MeasureSpace, _Mapping]] = ..., runtime_reason: _Optional[str] = ...) -> None: ...

class EmbedItem(_message.Message):
    __slots__ = ("id", "image")
    ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    id: int
    image: bytes
    def __init__(self, id: _Optional[int] = ..., image: _Optional[bytes] = ...) -> None: ...

class EmbedError(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: EmbedErrorCode
    message: str
    def __init__(self, code: _Optional[_Union[EmbedErrorCode, str]] = ..., message: _Optional[str] = ...) -> None: ...

class EmbedResult(_message.Message):
    __slots__ = ("id", "vector", "error", "measures")
    ID_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    id: int
    vector: bytes
    error: EmbedError
    measures: bytes
    def __init__(self, id: _Optional[int] = ..., vector: _Optional[bytes] = ..., error: _Optional[_Union[EmbedError, _Mapping]] = ..., measures: _Optional[bytes] = ...) -> None: ...

class EmbedRequest(_message.Message):
    __slots__ = ("model", "features", "items", "flip")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    FLIP_FIELD_NUMBER: _ClassVar[int]
    model: str
    features: Features
    items: _containers.RepeatedCompositeFieldContainer[EmbedItem]
    flip: bool
    def __init__(self, model: _Optional[str] = ..., features: _Optional[_Union[Features, str]] = ..., items: _Optional[_Iterable[_Union[EmbedItem, _Mapping]]] = ..., flip: bool = ...) -> None: ...

class EmbedResponse(_message.Message):
    __slots__ = ("space_digest", "results")
    SPACE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    space_digest: bytes
    results: _containers.RepeatedCompositeFieldContainer[EmbedResult]
    def __init__(self, space_digest: _Optional[bytes] = ..., results: _Optional[_Iterable[_Union[EmbedResult, _Mapping]]] = ...) -> None: ...

class EmbedStreamRequest(_message.Message):
    __slots__ = ("model", "features", "items", "flip")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    FLIP_FIELD_NUMBER: _ClassVar[int]
    model: str
    features: Features
    items: _containers.RepeatedCompositeFieldContainer[EmbedItem]
    flip: bool
    def __init__(self, model: _Optional[str] = ..., features: _Optional[_Union[Features, str]] = ..., items: _Optional[_Iterable[_Union[EmbedItem, _Mapping]]] = ..., flip: bool = ...) -> None: ...

class EmbedStreamResponse(_message.Message):
    __slots__ = ("space_digest", "results")
    SPACE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    space_digest: bytes
    results: _containers.RepeatedCompositeFieldContainer[EmbedResult]
    def __init__(self, space_digest: _Optional[bytes] = ..., results: _Optional[_Iterable[_Union[EmbedResult, _Mapping]]] = ...) -> None: ...
