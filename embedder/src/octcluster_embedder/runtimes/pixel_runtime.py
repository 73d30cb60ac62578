"""The pixels themselves as vectors, with NumPy: the baseline that every network is compared with."""

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from octcluster_embedder.models.registry import ModelSpec
from octcluster_embedder.spaces import EmbeddingSpace, Features

_NO_WEIGHTS = hashlib.sha256(b"").hexdigest()
# Red, green and blue in brightness after ITU-R BT.601, in parts of 2**16, as Pillow has them.
_BRIGHTNESS_PARTS = np.array([19595, 38470, 7471], dtype=np.uint32)


class PixelRuntime:
    """A model without a network. See ``runtime.Runtime`` for what it promises."""

    name = "numpy"
    device = "CPU"
    batch_size = 1
    concurrent_batches = 1
    spaces: Mapping[Features, EmbeddingSpace]

    def __init__(self, spec: ModelSpec) -> None:
        self.model = spec.name
        self.input_height, self.input_width, _ = spec.feature_map
        self.spaces = spec.spaces(_NO_WEIGHTS)

    def infer(self, images: NDArray[np.uint8], features: Features) -> NDArray[np.uint8]:
        """Computes the brightness of each pixel, row by row; see ``runtime.Runtime``."""
        brightness = (images @ _BRIGHTNESS_PARTS + 2**15) >> 16
        return brightness.astype(np.uint8).reshape(len(images), -1)
