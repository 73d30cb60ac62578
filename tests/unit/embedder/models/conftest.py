"""Random weights of networks, by NumPy: Keras would have JAX compile for each shape, minutes in all."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture(scope="session", autouse=True)
def _random_weights() -> Iterator[None]:
    import keras

    random = np.random.default_rng(0)

    def draw(_: Any, shape: tuple[int, ...], dtype: str | None = None) -> NDArray[np.float32]:
        fans = math.prod(shape[:-1]) + math.prod(shape[:-2]) * shape[-1]  # Glorot and Bengio (2010)
        return random.normal(0, math.sqrt(2 / fans), shape).astype(np.float32)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.initializers.VarianceScaling, "__call__", draw)
        yield
