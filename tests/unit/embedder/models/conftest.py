"""Weights of networks by NumPy: Keras would have JAX compile for each shape of them, minutes in all."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

_DRAWN = 1 << 22


@pytest.fixture(scope="session", autouse=True)
def _weights_by_numpy() -> Iterator[None]:
    import h5py
    import jax
    import keras
    from keras.src.backend.jax.core import JaxVariable

    random = np.random.default_rng(0)
    drawn = random.standard_normal(_DRAWN, dtype=np.float32)
    convert = JaxVariable._convert_to_tensor

    def draw(_: Any, shape: tuple[int, ...], dtype: str | None = None) -> NDArray[np.float32]:
        # He et al. (2015): an image's signal reaches the last layer. A depthwise kernel has one input.
        inputs = math.prod(shape[:-2] if shape[-1] == 1 else shape[:-1])
        start = random.integers(_DRAWN - math.prod(shape))
        return drawn[start : start + math.prod(shape)].reshape(shape) * np.float32(math.sqrt(2 / inputs))

    def fill(value: int) -> Any:
        return lambda _, shape, dtype=None, **__: np.full(shape, value, dtype or np.float32)

    def read_and_convert(variable: Any, value: Any, dtype: str | None = None) -> Any:
        value = value[()] if isinstance(value, h5py.Dataset) else value
        if isinstance(value, np.ndarray):  # handed over: JAX would compile the identity for each shape
            return jax.device_put(value.astype(dtype or value.dtype, copy=False))
        return convert(variable, value, dtype)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.initializers.VarianceScaling, "__call__", draw)
        patch.setattr(keras.initializers.Zeros, "__call__", fill(0))
        patch.setattr(keras.initializers.Ones, "__call__", fill(1))
        patch.setattr(JaxVariable, "_convert_to_tensor", read_and_convert)
        yield


@pytest.fixture(scope="package", autouse=True)
def _quick_compilation() -> Iterator[None]:
    """Networks are compared here, not what a compiler makes of them."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
