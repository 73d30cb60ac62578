"""Loading of weights that Keras saved. Only arrays are read: nothing else is made from a file."""

import re
import warnings
from pathlib import Path

import keras
import numpy as np

from octcluster_embedder.models.weights_content import find_content_fault

_TOLD_CHARACTERS = 200
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
    if fault := find_content_fault(weights):
        raise ValueError(fault)
    # For some files that do not fit, Keras only warns and leaves layers as they are: this shows which.
    for variable in network.weights:
        if "float" in variable.dtype:
            # In its own type: JAX would compile a conversion for each shape.
            variable.assign(np.full(variable.shape, np.nan, variable.dtype))
    try:
        with warnings.catch_warnings(action="ignore"):
            network.load_weights(weights)
    except MemoryError:
        raise
    except Exception as error:  # each library that reads a part of the file has kinds of its own
        raise ValueError(_explain(str(error), len(network.layers))) from error
    missing = [variable.path for variable in network.weights if np.isnan(variable.numpy()).any()]
    if missing:
        raise ValueError(f"it lacks {len(missing)} of {len(network.weights)} weights, such as {missing[0]}")


def _explain(told: str, n_layers: int) -> str:
    """What Keras says of a file that it cannot load, in one line and without its list of all layers."""
    other = "it is of another network, or of one with its classification head"
    if unfit := re.search(r"total of (\d+) objects could not be loaded.*?name=([^,>]+)", told, re.DOTALL):
        return f"{unfit[1]} of {n_layers} layers do not fit, such as {unfit[2]}: {other}"
    if counts := re.search(r"expected (\d+) layers, found (\d+) saved layers", told):
        return f"it has weights of {counts[2]} layers, and the network of {counts[1]}: {other}"
    if "truncated file" in told or "not a zip file" in told:
        return "it is cut short: get the file again"
    return f"it cannot be read as a weights file of Keras ({' '.join(told.split())[:_TOLD_CHARACTERS]})"
