"""Between messages and plain data."""

from collections.abc import Sequence

from octcluster_protos.embedder.v1 import embedder_pb2 as pb

from octcluster_embedder.errors import InvalidRequest, ItemError, ItemErrorCode
from octcluster_embedder.images.measures import MEASURES, MEASURES_DIGEST
from octcluster_embedder.queueing.requests import Answer, ImageBatch, ImageItem, Outcome, ServiceLimits
from octcluster_embedder.runtimes.runtime import Runtime, Vectors
from octcluster_embedder.spaces import VIEWS_OFFERED, DataType, EmbeddingSpace, Features, View

_FEATURES = {
    pb.FEATURES_POOLED: Features.POOLED,
    pb.FEATURES_FLATTEN: Features.FLATTEN,
    pb.FEATURES_BLOCKS: Features.BLOCKS,
    pb.FEATURES_PIXELS: Features.PIXELS,
}
_FEATURES_ON_THE_WIRE = {features: number for number, features in _FEATURES.items()}
_DATA_TYPES = {
    DataType.FLOAT32: pb.DATA_TYPE_FLOAT32,
    DataType.UINT8: pb.DATA_TYPE_UINT8,
    DataType.FLOAT16: pb.DATA_TYPE_FLOAT16,
}
_VIEWS = {pb.VIEW_PLAIN: View.PLAIN, pb.VIEW_RETINA: View.RETINA}
_VIEWS_ON_THE_WIRE = {view: number for number, view in _VIEWS.items()}
_ERROR_CODES = {
    ItemErrorCode.EMPTY: pb.EMBED_ERROR_CODE_EMPTY,
    ItemErrorCode.TOO_MANY_BYTES: pb.EMBED_ERROR_CODE_TOO_MANY_BYTES,
    ItemErrorCode.TOO_MANY_PIXELS: pb.EMBED_ERROR_CODE_TOO_MANY_PIXELS,
    ItemErrorCode.TOO_SMALL: pb.EMBED_ERROR_CODE_TOO_SMALL,
    ItemErrorCode.UNSUPPORTED_FORMAT: pb.EMBED_ERROR_CODE_UNSUPPORTED_FORMAT,
    ItemErrorCode.CORRUPT: pb.EMBED_ERROR_CODE_CORRUPT,
    ItemErrorCode.INTERNAL: pb.EMBED_ERROR_CODE_INTERNAL,
}


def to_batch(request: pb.EmbedRequest) -> ImageBatch:
    """Converts a request.

    Raises:
        InvalidRequest: The features or a view are none that there are.
    """
    if request.features not in _FEATURES:
        choices = ", ".join(pb.Features.Name(features) for features in _FEATURES)
        raise InvalidRequest(f"features is not set or unknown: choose one of {choices}")
    if not set(request.views) <= set(_VIEWS):
        raise InvalidRequest(f"views has an unknown one: choose {' or '.join(map(pb.View.Name, _VIEWS))}")
    return ImageBatch(
        model=request.model,
        features=_FEATURES[request.features],
        items=[ImageItem(item.id, item.image) for item in request.items],
        flip=request.flip,
        views=tuple(_VIEWS[view] for view in request.views) or (View.PLAIN,),
    )


def to_response(answer: Answer) -> pb.EmbedResponse:
    """Converts an answer."""
    return pb.EmbedResponse(space_digest=answer.space.digest, results=map(_to_result, answer.outcomes))


def to_server_info(
    version: str, runtimes: Sequence[Runtime], limits: ServiceLimits, runtime_reason: str
) -> pb.GetServerInfoResponse:
    """Describes the server: its version, its models, the default first, its limits, and why this runtime."""
    return pb.GetServerInfoResponse(
        version=version,
        runtime=runtimes[0].name,
        device=runtimes[0].device,
        models=map(_to_model_info, runtimes),
        limits=pb.Limits(
            max_message_bytes=limits.max_message_bytes,
            max_image_bytes=limits.image.max_image_bytes,
            max_image_pixels=limits.image.max_image_pixels,
            min_image_side=limits.image.min_image_side,
            max_images_per_request=limits.max_images_per_request,
        ),
        measures=pb.MeasureSpace(names=MEASURES, digest=MEASURES_DIGEST),
        runtime_reason=runtime_reason,
    )


def _to_model_info(runtime: Runtime) -> pb.ModelInfo:
    return pb.ModelInfo(
        name=runtime.model,
        input_height=runtime.input_height,
        input_width=runtime.input_width,
        spaces=[
            _to_space(space.variant(flip, views))
            for space in runtime.spaces.values()
            for views in VIEWS_OFFERED
            for flip in (False, True)
        ],
    )


def _to_space(space: EmbeddingSpace) -> pb.EmbeddingSpace:
    return pb.EmbeddingSpace(
        model=space.model,
        weights_digest=space.weights_digest,
        preprocessing_version=space.preprocessing_version,
        features=_FEATURES_ON_THE_WIRE[space.features],
        data_type=_DATA_TYPES[space.data_type],
        dimension=space.dimension,
        digest=space.digest,
        flip=space.flip,
        precision=space.precision.value,
        part_dimensions=[part.dimension for part in space.parts],
        views=[_VIEWS_ON_THE_WIRE[view] for view in space.views],
    )


def _to_result(outcome: Outcome) -> pb.EmbedResult:
    found = outcome.outcome
    if isinstance(found, ItemError):
        return pb.EmbedResult(
            id=outcome.id, error=pb.EmbedError(code=_ERROR_CODES[found.code], message=str(found))
        )
    return pb.EmbedResult(id=outcome.id, vector=_to_bytes(found.vector), measures=_to_bytes(found.measures))


def _to_bytes(values: Vectors) -> bytes:
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
