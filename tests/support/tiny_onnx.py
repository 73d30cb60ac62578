"""Tiny networks as ONNX files, of the kinds that people bring."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

SIDE = 32


def write_tiny(file: Path, *, layout: str = "NCHW", inputs: int = 1) -> None:
    """Writes a network whose outputs are its input as a map, as tokens and as values, and one that is no row.

    ``map`` is the input itself, ``tokens`` its rows as tokens with a value for each channel, ``values`` the
    mean of each channel, and ``cube`` has five axes.
    """
    shape = ["n", 3, SIDE, SIDE] if layout == "NCHW" else ["n", SIDE, SIDE, 3]
    spatial = [2, 3] if layout == "NCHW" else [1, 2]
    axes = numpy_helper.from_array(np.array(spatial, np.int64), "axes")
    width = numpy_helper.from_array(np.array(spatial[1:], np.int64), "width")
    five = numpy_helper.from_array(np.array([1, 1, 1, 1, -1], np.int64), "five")
    tokens = helper.make_node("ReduceMean", ["image", "width"], ["narrow"], keepdims=0)
    turn = [0, 2, 1] if layout == "NCHW" else [0, 1, 2]
    names = ["image", *(f"image{number}" for number in range(1, inputs))]
    nodes = [
        helper.make_node("Sum" if inputs > 1 else "Identity", names, ["map"]),
        tokens,
        helper.make_node("Transpose", ["narrow"], ["tokens"], perm=turn),
        helper.make_node("ReduceMean", ["image", "axes"], ["values"], keepdims=0),
        helper.make_node("Reshape", ["image", "five"], ["cube"]),
    ]
    taken = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names]
    results = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in ("map", "tokens", "values", "cube")
    ]
    graph = helper.make_graph(nodes, "tiny", taken, results, [axes, width, five])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), file)


def write_model(folder: Path, use: str, name: str = "tiny", **options: object) -> Path:
    """Writes such a network and how it is used; returns its file."""
    write_tiny(folder / f"{name}.onnx", **options)  # type: ignore[arg-type]
    (folder / f"{name}.toml").write_text(use)
    return folder / f"{name}.onnx"
