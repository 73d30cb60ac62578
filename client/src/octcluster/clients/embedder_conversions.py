"""Between the embedder's messages and the library's own data classes."""

from collections.abc import Sequence

from octcluster_protos.embedder.v1 import embedder_pb2 as messages

from octcluster.clients.message_fields import enum_name, fields_of
from octcluster.model.runs import EmbeddingSpace
from octcluster.model.server_info import (
    EmbedderInfo,
    EmbedderLimits,
    Embedding,
    EmbedFailure,
    MeasureSpace,
    ModelInfo,
)


def features_message(features: str) -> "messages.Features.ValueType":
    """The Features value of a name."""
    return messages.Features.Value("FEATURES_" + features.upper())


def view_messages(views: Sequence[str]) -> "list[messages.View.ValueType]":
    """The View values of names."""
    return [messages.View.Value("VIEW_" + view.upper()) for view in views]


def read_embedder_info(message: messages.GetServerInfoResponse) -> EmbedderInfo:
    """Converts GetServerInfoResponse of the messages."""
    return EmbedderInfo(
        version=message.version,
        runtime=message.runtime,
        device=message.device,
        models=[
            ModelInfo(
                name=model.name,
                input_height=model.input_height,
                input_width=model.input_width,
                spaces={
                    (space.features, space.flip, space.views): space
                    for space in map(_read_space, model.spaces)
                },
            )
            for model in message.models
        ],
        limits=EmbedderLimits(**fields_of(EmbedderLimits, message.limits)),
        measures=MeasureSpace(names=tuple(message.measures.names), digest=message.measures.digest),
        runtime_reason=message.runtime_reason,
    )


def _read_space(message: messages.EmbeddingSpace) -> EmbeddingSpace:
    return EmbeddingSpace(
        model=message.model,
        weights_digest=message.weights_digest,
        preprocessing_version=message.preprocessing_version,
        features=enum_name(messages.Features, message.features, "FEATURES_"),
        data_type=enum_name(messages.DataType, message.data_type, "DATA_TYPE_"),
        dimension=message.dimension,
        digest=message.digest,
        flip=message.flip,
        part_dimensions=tuple(message.part_dimensions),
        precision=message.precision,
        views=tuple(enum_name(messages.View, view, "VIEW_") for view in message.views),
    )


def read_embed_result(message: messages.EmbedResult, measures: MeasureSpace) -> Embedding | EmbedFailure:
    """Converts EmbedResult: an embedding, or why there is none.

    Raises:
        ValueError: The measures are not those of the space.
    """
    if message.WhichOneof("outcome") == "vector":
        return Embedding(message.vector, measures.unpack(message.measures))
    code = enum_name(messages.EmbedErrorCode, message.error.code, "EMBED_ERROR_CODE_")
    return EmbedFailure(code or "internal", message.error.message or "the embedder gave no reason")
