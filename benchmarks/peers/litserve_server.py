"""The model behind LitServe: one worker gathers batches, decodes them in threads and infers."""

import sys
from concurrent.futures import ThreadPoolExecutor

import litserve
import numpy as np
from bare_model import BATCH, PROCESSORS, WAIT_SECONDS, BareModel, decode
from fastapi import Request, Response
from numpy.typing import NDArray


class Embedding(litserve.LitAPI):
    """An uploaded file in, a vector out."""

    def setup(self, device: str) -> None:
        """Loads the model."""
        self._model = BareModel()
        self._threads = ThreadPoolExecutor(PROCESSORS)

    def decode_request(self, request: Request) -> bytes:
        """Reads the upload."""
        return request["image"].file.read()

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        """Keeps what is gathered as it is."""
        return inputs

    def predict(self, x: list[bytes]) -> NDArray[np.float32]:
        """Embeds a batch."""
        return self._model.infer(list(self._threads.map(decode, x)))

    def unbatch(self, output: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Gives each request its vector."""
        return list(output)

    def encode_response(self, output: NDArray[np.float32]) -> Response:
        """Writes a vector as bytes."""
        return Response(content=output.tobytes(), media_type="application/octet-stream")


if __name__ == "__main__":
    api = Embedding(max_batch_size=BATCH, batch_timeout=WAIT_SECONDS)
    litserve.LitServer(api, accelerator="cpu").run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="error"
    )
