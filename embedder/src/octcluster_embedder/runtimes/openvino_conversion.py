"""A process of its own that converts a model for OpenVINO: ``python -m ... MODEL WEIGHTS FOLDER``.

Keras has one backend a process, and this is OpenVINO's own. The server that waits for it never loads Keras.
"""

# ruff: noqa: E402
import sys
from pathlib import Path
from types import ModuleType

# Keras imports them where they are, which takes longer than all the rest, and needs none of them here.
_UNUSED = ("cv2", "jax", "matplotlib", "pandas", "requests", "sklearn")
sys.modules.update(dict.fromkeys(_UNUSED))  # type: ignore[arg-type]
sys.modules["scipy.signal"] = ModuleType("scipy.signal")  # it may not be absent: for spectra of sound

import keras
import openvino

from octcluster_embedder.errors import ModelUnavailable
from octcluster_embedder.models.graph import build_graph
from octcluster_embedder.models.registry import find_model
from octcluster_embedder.models.weights import Weights
from octcluster_embedder.runtimes.conversion_process import GAVE_A_REASON


def convert(model: str, weights: Path, folder: Path) -> None:
    """Writes a model in OpenVINO's format to a folder; its outputs bear the names of the features.

    Args:
        model: Name of the model.
        weights: Its weights.
        folder: Where ``network.xml`` and ``network.bin`` go.

    Raises:
        ModelUnavailable: The weights do not fit the model.
    """
    # Else Keras would put a transposition before and after each layer: half of the time of an inference.
    keras.config.set_image_data_format("channels_first")
    graph = build_graph(find_model(model), Weights(weights, ""))
    exported = folder / "exported.xml"
    graph.export(str(exported), format="openvino", verbose=False)
    network = openvino.Core().read_model(exported)
    # Keras leaves them without names, in the order in which it flattens a dictionary.
    names = keras.tree.flatten({name: name for name in graph.output})
    for name, output in zip(names, network.outputs, strict=True):
        if output.partial_shape[1].get_length() != graph.output[name].shape[1]:
            raise RuntimeError(f"Keras has exported the output {name} in another place")
        output.get_tensor().set_names({name})
    openvino.save_model(network, folder / "network.xml", compress_to_fp16=False)


if __name__ == "__main__":
    try:
        convert(sys.argv[1], *map(Path, sys.argv[2:]))
    except ModelUnavailable as error:
        print(error)
        sys.exit(GAVE_A_REASON)
