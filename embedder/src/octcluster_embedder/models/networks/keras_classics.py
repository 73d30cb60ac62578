"""VGG16, ResNet50 and InceptionV3, from ``keras.applications``.

Sources: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (ICLR
2015); He et al., "Deep Residual Learning for Image Recognition" (CVPR 2016); Szegedy et al., "Rethinking the
Inception Architecture for Computer Vision" (CVPR 2016).
"""

from pathlib import Path

import keras
from keras import applications

from octcluster_embedder.models.networks.axes import image_shape
from octcluster_embedder.models.networks.weights_loading import load_keras_weights
from octcluster_embedder.models.registry import ModelSpec

_CONSTRUCTORS_AND_SCALINGS = {
    "vgg16": (applications.VGG16, applications.vgg16.preprocess_input),
    "resnet50": (applications.ResNet50, applications.resnet50.preprocess_input),
    "inception-v3": (applications.InceptionV3, applications.inception_v3.preprocess_input),
}


def build_network(spec: ModelSpec, weights: Path | None) -> keras.Model:
    """Builds the network without its classification head; see the package for the arguments.

    VGG16 ends with its last pooling layer, as in ``keras.applications``.
    """
    constructor, scale = _CONSTRUCTORS_AND_SCALINGS[spec.name]
    shape = image_shape(spec.input_side)
    network = constructor(weights=None, include_top=False, input_shape=shape)
    load_keras_weights(network, weights)
    image = keras.Input(shape, name="image")
    return keras.Model(image, [network(scale(image))], name=spec.name)
