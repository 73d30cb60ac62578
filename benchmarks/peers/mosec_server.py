"""The model behind mosec: a process for each processor decodes, one infers in batches."""

import numpy as np
from bare_model import BATCH, PROCESSORS, WAIT_SECONDS, BareModel, decode
from mosec import Server, Worker
from numpy.typing import NDArray


class Decoding(Worker):
    """Bytes in, pixels out."""

    def deserialize(self, data: bytes) -> bytes:
        """Keeps the bytes as they are."""
        return data

    def forward(self, data: bytes) -> NDArray[np.uint8]:
        """Decodes one image."""
        return decode(data)


class Inference(Worker):
    """Pixels in, vectors out."""

    def __init__(self) -> None:
        self._model = BareModel()

    def forward(self, data: list[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Embeds a batch."""
        return list(self._model.infer(data))

    def serialize(self, data: NDArray[np.float32]) -> bytes:
        """Writes a vector as bytes."""
        return data.tobytes()


if __name__ == "__main__":
    server = Server()
    server.append_worker(Decoding, num=PROCESSORS)
    server.append_worker(Inference, max_batch_size=BATCH, max_wait_time=round(1000 * WAIT_SECONDS))
    server.run()
