"""The embedder's own process, around a tiny model that dies of one image and takes a while to load again."""

import os
import sys
import time

import numpy as np
import octcluster_embedder.serving.server
from octcluster_embedder.__main__ import main
from octcluster_embedder.spaces import Features
from tiny_runtime import TinyRuntime

DEADLY = 99
LOADING_SECONDS = 0.5


class MortalRuntime(TinyRuntime):
    """Fails for ever once it has seen the deadly image."""

    def __init__(self) -> None:
        super().__init__(batch_size=int(os.environ["BATCH_SIZE"]))
        self.dead = False

    def infer(self, images: np.ndarray, features: Features) -> np.ndarray:
        self.dead |= bool((images[:, 0, 0, 0] == DEADLY).any())
        if self.dead:
            raise RuntimeError("dead")
        time.sleep(0.005)
        return super().infer(images, features)


def load(*_: object, **__: object) -> MortalRuntime:
    time.sleep(LOADING_SECONDS)
    return MortalRuntime()


if __name__ == "__main__":
    vars(octcluster_embedder.serving.server)["load_runtime"] = load
    sys.exit(main())
