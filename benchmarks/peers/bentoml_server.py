"""The model behind BentoML: its adaptive batches, decoded in threads."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bentoml
import numpy as np
from bare_model import BATCH, PROCESSORS, BareModel, decode
from numpy.typing import NDArray


@bentoml.service(workers=1, traffic={"timeout": 60})
class Embedding:
    """An uploaded file in, a vector out."""

    def __init__(self) -> None:
        self._model = BareModel()
        self._threads = ThreadPoolExecutor(PROCESSORS)

    @bentoml.api(batchable=True, max_batch_size=BATCH, max_latency_ms=60_000)
    def embed(self, images: list[Path]) -> NDArray[np.float32]:
        """Embeds the images of several requests."""
        return self._model.infer(list(self._threads.map(decode, [file.read_bytes() for file in images])))
