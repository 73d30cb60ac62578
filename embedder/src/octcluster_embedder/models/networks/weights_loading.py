"""Loading of weights that Keras saved. Only arrays are read: nothing else is made from a file."""

import warnings
import zipfile
from pathlib import Path

import keras
import numpy as np

ACCEPTED_SUFFIXES = (".weights.h5", ".h5", ".keras")


def load_keras_weights(network: keras.Model, weights: Path | None) -> None:
    """Loads a file's weights into a network of the same architecture.

    Args:
        network: The network without its classification head.
        weights: ``.weights.h5`` (``save_weights``), ``.h5`` (as Keras publishes them) or ``.keras`` (a whole
            model, of which only the weights are read); None leaves the network's random weights.

    Raises:
        ValueError: The file is of another kind or does not fit the network.
    """
    if weights is None:
        return
    if not weights.name.endswith(ACCEPTED_SUFFIXES):
        raise ValueError(f"its name ends in none of {', '.join(ACCEPTED_SUFFIXES)}")
    # For some files that do not fit, Keras only warns and leaves layers as they are: this shows which.
    for variable in network.weights:
        if "float" in variable.dtype:
            variable.assign(np.full(variable.shape, np.nan))
    try:
        with warnings.catch_warnings(action="ignore"):
            network.load_weights(weights)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"no weights file of Keras: {error}") from error
    missing = [variable.path for variable in network.weights if np.isnan(variable.numpy()).any()]
    if missing:
        raise ValueError(f"it lacks {len(missing)} of {len(network.weights)} weights, such as {missing[0]}")
