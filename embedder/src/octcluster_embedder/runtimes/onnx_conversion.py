"""A process of its own that converts a model of the operator's: ``python -m ... FILE.onnx FOLDER``.

A file that makes the reader of ONNX crash ends this process alone. It works in an empty folder, so that a
file finds no weights beside itself: they would be in no digest.
"""

import sys
from pathlib import Path
from typing import Any

import openvino
from openvino import opset13 as ops
from openvino.preprocess import ColorFormat, PrePostProcessor

from octcluster_embedder.errors import ModelUnavailable, SettingError
from octcluster_embedder.models.own_model import OwnModel, read_own_model
from octcluster_embedder.runtimes.conversion_process import GAVE_A_REASON

_SPATIAL = {"NCHW": [2, 3], "NHWC": [1, 2]}
_MAP, _TOKENS, _VALUES = 4, 3, 2


def convert(own: OwnModel, folder: Path) -> None:
    """Writes a model in OpenVINO's format to a folder; its outputs bear the names of the features.

    Args:
        own: The model.
        folder: Where ``network.xml`` and ``network.bin`` go.

    Raises:
        ModelUnavailable: The file holds no network that can be used so.
    """
    try:
        network = openvino.Core().read_model(own.path.read_bytes())
    except RuntimeError as error:
        raise ModelUnavailable(
            f"{own.path} cannot be read as ONNX with its weights inside: export it again as a single file, "
            f"smaller than 2 GB ({str(error).strip().splitlines()[-1]})"
        ) from error
    _fix_input(own, network)
    averages = [_average(own, network, name) for name in (*own.blocks, own.pooled)]
    outputs = {"pooled": averages[-1]}
    if own.blocks:
        outputs["blocks"] = ops.concat(averages, 1).output(0)
    results = []
    for name, output in outputs.items():
        output.get_tensor().set_names({name})
        results.append(ops.result(output))
    chosen = openvino.Model(results, network.get_parameters(), own.name)
    prepared = _prepare(own, chosen)
    dimensions = [str(output.partial_shape[1].get_length()) for output in averages]
    prepared.set_rt_info(",".join(dimensions), ["octcluster", "dimensions"])
    openvino.save_model(prepared, folder / "network.xml", compress_to_fp16=False)


def _fix_input(own: OwnModel, network: Any) -> None:
    """Gives the input its size; the batch is one image."""
    side = own.input_side
    shape = [1, 3, side, side] if own.layout == "NCHW" else [1, side, side, 3]
    if len(network.inputs) != 1:
        raise ModelUnavailable(
            f"{own.path} has {len(network.inputs)} inputs: export a network of images alone"
        )
    if not network.input(0).partial_shape.compatible(openvino.PartialShape(shape)):
        raise ModelUnavailable(
            f"{own.path} has the input {network.input(0).partial_shape}, which {shape} does not fit: correct "
            "input_side or layout in its TOML file"
        )
    network.reshape(shape)


def _average(own: OwnModel, network: Any, name: str) -> Any:
    """An output as one row of values: maps and tokens are averaged."""
    try:
        output = network.output(name).node.input_value(0)
    except RuntimeError:
        there = sorted(one for output in network.outputs for one in output.get_names())
        raise ModelUnavailable(
            f"{own.path} has no output {name!r}, but {', '.join(there)}: correct its TOML file"
        ) from None
    if output.get_element_type() != openvino.Type.f32:
        output = ops.convert(output, "f32").output(0)
    rank = output.partial_shape.rank.get_length() if output.partial_shape.rank.is_static else 0
    if rank == _MAP:
        output = ops.reduce_mean(output, _SPATIAL[own.layout]).output(0)
    elif rank == _TOKENS and own.tokens == "first":
        output = ops.gather(output, 0, 1).output(0)
    elif rank == _TOKENS:
        output = ops.reduce_mean(output, [1]).output(0)
    if not output.partial_shape.is_static or len(output.shape) != _VALUES:
        raise ModelUnavailable(
            f"{own.path}: the output {name!r} has the shape {output.partial_shape}: it must be values "
            "(1, n), a map, or tokens (1, t, n), of sizes that follow from the input's"
        )
    return output


def _prepare(own: OwnModel, network: Any) -> Any:
    """Puts the scaling before the network: it takes uint8, shape (1, side, side, 3), RGB."""
    steps = PrePostProcessor(network)
    tensor = steps.input().tensor()
    tensor.set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC")).set_color_format(
        ColorFormat.RGB
    )
    steps.input().model().set_layout(openvino.Layout(own.layout))
    scaling = steps.input().preprocess()
    if own.channels == "BGR":
        scaling.convert_color(ColorFormat.BGR)
    scaling.convert_element_type(openvino.Type.f32).mean(list(own.mean)).scale(list(own.scale))
    return steps.build()


if __name__ == "__main__":
    try:
        convert(read_own_model(Path(sys.argv[1])), Path(sys.argv[2]))
    except (ModelUnavailable, SettingError) as error:
        print(error)
        sys.exit(GAVE_A_REASON)
