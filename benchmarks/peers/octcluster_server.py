"""The embedder with a model that does nothing, and takes one image a call as OpenVINO does here."""

import sys
from types import MappingProxyType

import numpy as np
from bare_model import DIMENSION, PROCESSORS, SIDE
from numpy.typing import NDArray
from octcluster_embedder import __main__
from octcluster_embedder.models.registry import find_model
from octcluster_embedder.serving import server
from octcluster_embedder.spaces import Features


class NoModel:
    """See ``octcluster_embedder.runtimes.runtime``."""

    name, device, model = "openvino", "CPU", "efficientnet-lite0"
    input_height = input_width = SIDE
    batch_size, concurrent_batches = 1, PROCESSORS + 1
    spaces = MappingProxyType({Features.POOLED: find_model(model).spaces("0" * 64)[Features.POOLED]})

    def infer(self, images: NDArray[np.uint8], features: Features) -> NDArray[np.float32]:
        """Answers zeros."""
        return np.zeros((len(images), DIMENSION), np.float32)


if __name__ == "__main__":
    server.load_runtimes = lambda settings: [NoModel()]
    sys.exit(__main__.main())
