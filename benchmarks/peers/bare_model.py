"""The work that each peer serves: the embedder's decoding and its converted model, in OpenVINO by itself.

The environment says which: PEER_MODEL is a file made by the embedder (``*.openvino.zip``), or empty for a
model that does nothing.
"""

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray
from octcluster_embedder.images.decoding import ImageLimits, decode_image

BATCH = 16
WAIT_SECONDS = 0.002
SIDE = 224
DIMENSION = 1280
PROCESSORS = len(os.sched_getaffinity(0))


def decode(image: bytes) -> NDArray[np.uint8]:
    """Decodes as the embedder does; uint8, shape (1, 224, 224, 3)."""
    return decode_image(image, SIDE, SIDE, ImageLimits()).plain[:1]  # of a wide image one window


class BareModel:
    """The model, compiled for throughput; or nothing, which answers zeros."""

    def __init__(self) -> None:
        file = os.environ["PEER_MODEL"]
        self._queue = self._compile(Path(file)) if file else None

    def infer(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Returns the pooled features, float32, shape (n_images, 1280)."""
        vectors = np.zeros((len(images), DIMENSION), np.float32)
        if self._queue is not None:
            for place, image in enumerate(images):
                self._queue.start_async({0: image}, userdata=vectors[place])
            self._queue.wait_all()
        return vectors

    @staticmethod
    def _compile(file: Path) -> openvino.AsyncInferQueue:
        core = openvino.Core()
        with zipfile.ZipFile(file) as archive:
            whole = core.read_model(model=archive.read("network.xml"), weights=archive.read("constants.bin"))
        part = openvino.Model([whole.output("pooled")], whole.get_parameters())
        part.reshape([1, SIDE, SIDE, 3])
        options = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
        compiled = core.compile_model(part, "CPU", options)
        # Two for each stream, so that none waits for Python between two inferences.
        queue = openvino.AsyncInferQueue(
            compiled, 2 * compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        )
        queue.set_callback(_keep)
        return queue


def _keep(request: openvino.InferRequest, vector: NDArray[np.float32]) -> None:
    vector[:] = request.get_output_tensor().data[0]
