"""A small model for tests of everything around models: fast, exact, and it fails when it is told to."""

import io
import threading
from collections.abc import Mapping

import numpy as np
from octcluster_embedder.spaces import EmbeddingSpace, Features, VectorPart
from PIL import Image

POISON = 66


class TinyRuntime:
    """Answers each image with its first red value; refuses poison; can be held back."""

    name = "tiny"
    device = "CPU"
    model = "tiny"
    input_height = 16
    input_width = 16
    spaces: Mapping[Features, EmbeddingSpace]

    def __init__(self, concurrent_batches: int = 1, batch_size: int = 4) -> None:
        self.concurrent_batches = concurrent_batches
        self.batch_size = batch_size
        self.spaces = {
            features: EmbeddingSpace("tiny", "0" * 64, "tiny-1", features, (VectorPart("red", dimension),))
            for features, dimension in ((Features.POOLED, 1), (Features.FLATTEN, 2))
        }
        self.batches: list[tuple[Features, list[int]]] = []
        self.n_asked = 0
        self.may_infer = threading.Event()
        self.may_infer.set()

    def infer(self, images: np.ndarray, features: Features) -> np.ndarray:
        self.n_asked += 1
        self.may_infer.wait(10)
        values = images[:, 0, 0, 0]
        self.batches.append((features, values.tolist()))
        if POISON in values:
            raise RuntimeError("poisoned")
        return np.repeat(values[:, None].astype(np.float32), self.spaces[features].dimension, axis=1)

    @property
    def inferred(self) -> list[int]:
        return [value for _, values in self.batches for value in values]


def image(value: int, mirrored: int | None = None) -> bytes:
    """An encoded image whose vector is the value, and whose mirror image's is the other one."""
    stream = io.BytesIO()
    picture = Image.new("L", (16, 16), value)
    if mirrored is not None:
        picture.paste(mirrored, (8, 0, 16, 16))
    picture.save(stream, "BMP")
    return stream.getvalue()
