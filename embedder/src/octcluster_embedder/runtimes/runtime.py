"""What a runtime promises: the forward pass of one model on one device."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from octcluster_embedder.spaces import EmbeddingSpace, Features

Vectors = NDArray[np.float32] | NDArray[np.float16] | NDArray[np.uint8]
"""Vectors of one space, of its data type."""


class Runtime(Protocol):
    """One loaded model that turns decoded images into vectors. Safe to call from several threads.

    Attributes:
        name: ``openvino``, ``jax``, or ``numpy`` for a model without a network.
        device: Device of the forward pass, for example ``CPU``.
        model: Model name.
        input_height: Height of the network's input, in pixels.
        input_width: Width of the network's input, in pixels.
        spaces: The embedding space, without flip, of each kind of features that the model offers.
        batch_size: Smallest number of images a call at which the runtime is at its best: a call cannot be
            interrupted.
        concurrent_batches: Number of simultaneous calls that keep the device busy.
    """

    name: str
    device: str
    model: str
    input_height: int
    input_width: int
    spaces: Mapping[Features, EmbeddingSpace]
    batch_size: int
    concurrent_batches: int

    def infer(self, images: NDArray[np.uint8], features: Features) -> Vectors:
        """Computes the vectors of a batch. Only the first call is slow, whatever features it asks for.

        Args:
            images: uint8, shape (n_images, input_height, input_width, 3), RGB, 0 to 255. Any n_images from 1.
            features: What to read from the network.

        Returns:
            float32 or uint8 as the space says, shape (n_images, dimension of the space).
        """
        ...
