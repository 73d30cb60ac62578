"""The project's own graph as an ONNX file, as a clinic would export a network of its own."""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save


def export(network: Any, outputs: list[str], file: Path) -> None:
    """Writes a Keras network of the layers that EfficientNet-Lite0 has as ONNX, with maps as (n, c, h, w).

    Args:
        network: The network, channels last. Its scaling is left out: the TOML file says it.
        outputs: Names for its outputs.
        file: The file.
    """
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, values: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    names: dict[int, str] = {id(network.inputs[0]): "image"}
    for layer in network.layers[1:]:
        sources = [names[id(tensor)] for tensor in layer._inbound_nodes[0].input_tensors]
        target = layer.name
        match type(layer).__name__:
            case "Rescaling":
                target = sources[0]
            case "Conv2D" | "DepthwiseConv2D" as kind:
                (kernel,) = layer.get_weights()
                groups = kernel.shape[2] if kind == "DepthwiseConv2D" else 1
                axes = (2, 3, 0, 1) if groups > 1 else (3, 2, 0, 1)
                sources.append(constant(f"{target}.kernel", kernel.transpose(axes)))
                how = {"auto_pad": "SAME_UPPER", "strides": list(layer.strides), "group": groups}
                nodes.append(helper.make_node("Conv", sources, [target], **how))
            case "BatchNormalization":
                sources += [constant(f"{target}.{at}", each) for at, each in enumerate(layer.get_weights())]
                nodes.append(helper.make_node("BatchNormalization", sources, [target], epsilon=layer.epsilon))
            case "ReLU":
                sources += [constant(f"{target}.low", 0.0), constant(f"{target}.high", layer.max_value)]
                nodes.append(helper.make_node("Clip", sources, [target]))
            case "Add":
                nodes.append(helper.make_node("Add", sources, [target]))
            case other:
                raise AssertionError(f"no ONNX for {other}")
        names[id(layer.output)] = target
    for tensor, name in zip(network.outputs, outputs, strict=True):
        nodes.append(helper.make_node("Identity", [names[id(tensor)]], [name]))
    _, height, width, channels = network.inputs[0].shape
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", channels, height, width])
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "network", [image], results, constants)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
