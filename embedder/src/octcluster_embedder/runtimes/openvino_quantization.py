"""A process of its own that quantizes a network to int8: ``python -m ... FROM FOLDER``.

FROM holds ``network.xml`` and ``network.bin`` in float32, and ``images``: paths, separated by zero bytes.
"""

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

# OpenVINO's own converter of models calls it, too; NNCF finds the weights of a layer only in this form.
from openvino._offline_transformations import apply_moc_transformations

from octcluster_embedder.errors import ImageError, ModelUnavailable
from octcluster_embedder.images.decoding import ImageLimits, decode_image
from octcluster_embedder.runtimes.conversion_process import GAVE_A_REASON
from octcluster_embedder.runtimes.quantization import FEWEST_IMAGES

# The least between the vectors of an image in float32 and in int8. EfficientNet-Lite0 has 0.998 for blocks,
# 0.99 for pooled and 0.977 for flatten. Blocks of any two scans have 0.96: there 0.98 would say little.
_LOWEST_COSINES = {"blocks": 0.995, "pooled": 0.98, "flatten": 0.95}
_IMAGES_COMPARED = 32
_FASTER = {"Convolution", "MatMul"}


def quantize(source: Path, images: list[Path], folder: Path) -> None:
    """Writes a network in int8 to a folder.

    Depthwise layers stay in float32: in int8 they move the vectors ten times as far, and clusters
    with them. Most of the work is in the convolutions of one pixel.

    Args:
        source: Folder of the network in float32.
        images: Encoded images of the kind that the network will see.
        folder: Where ``network.xml`` and ``network.bin`` go.

    Raises:
        ModelUnavailable: Too few images can be read, or the network does not bear int8.

    Source: NNCF, post-training quantization (Jacob et al., CVPR 2018).
    """
    network = openvino.Core().read_model(source / "network.xml")
    shape = network.input(0).partial_shape
    shape[0] = 1
    network.reshape(shape)
    apply_moc_transformations(network, cf=True)
    shown = list(_show(images, *network.input(0).shape[1:3]))
    if len(shown) < len(images):
        print(f"{len(shown)} of {len(images)} files of --calibration-images can be read", file=sys.stderr)
    if len(shown) < FEWEST_IMAGES:
        raise ModelUnavailable(
            f"of {len(images)} files of --calibration-images, {len(shown)} can be read as scans: put at "
            f"least {FEWEST_IMAGES} there"
        )
    quantized = _quantize(network, [window[None] for views in shown for window in views])
    # Of each image what is shown first and last: the last is of its retina, where that was found.
    compared = [views[[place]] for views in shown[:_IMAGES_COMPARED] for place in (0, -1)]
    refuse_other_vectors(network, quantized, compared)
    openvino.save_model(quantized, folder / "network.xml", compress_to_fp16=False)


def _quantize(network: Any, windows: list[NDArray[np.uint8]]) -> Any:
    if not any(operation.get_type_name() in _FASTER for operation in network.get_ops()):
        raise ModelUnavailable("this model has no layers that int8 makes faster: leave --precision out")
    import nncf  # takes 2 s: what it is not needed for is told before  # noqa: PLC0415

    try:
        return nncf.quantize(
            network,
            nncf.Dataset(windows),
            preset=nncf.QuantizationPreset.PERFORMANCE,
            subset_size=len(windows),
            ignored_scope=nncf.IgnoredScope(types=["GroupConvolution"], validate=False),
        )
    except Exception as error:  # whatever a network that people bring makes of it
        raise ModelUnavailable(
            f"this model cannot be quantized ({type(error).__name__}): leave --precision out"
        ) from error


def _show(images: list[Path], height: int, width: int) -> Iterator[NDArray[np.uint8]]:
    """What a network is shown of each image that can be read; uint8, shape (n_windows, height, width, 3)."""
    for image in images:
        try:
            decoded = decode_image(image.read_bytes(), height, width, ImageLimits(), find_retina=True)
        except (OSError, ImageError):
            continue
        views = [decoded.plain] if decoded.retina is None else [decoded.plain, decoded.retina]
        yield np.concatenate(views)


def refuse_other_vectors(exact: Any, rounded: Any, images: list[NDArray[np.uint8]]) -> None:
    """Compares the vectors of images in two networks, all kinds of features.

    Args:
        exact: The network in float32, with batches of one image.
        rounded: The same in int8.
        images: Each uint8, shape (1, height, width, 3).

    Raises:
        ModelUnavailable: They are too far from each other.
    """
    hints = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    both = [openvino.Core().compile_model(network, "CPU", hints) for network in (exact, rounded)]
    kinds = {name for output in exact.outputs for name in output.get_names()}
    for image, features in itertools.product(images, sorted(kinds)):
        least = _LOWEST_COSINES[features]
        a, b = (network(image)[features].ravel() for network in both)
        cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
        if not cosine >= least:  # nor is what is no number
            raise ModelUnavailable(
                f"in int8 this model gives other vectors than in float32 (cosine {cosine:.4f} for "
                f"{features}, and {least} is the least): leave --precision out"
            )


if __name__ == "__main__":
    paths = [Path(os.fsdecode(path)) for path in Path(sys.argv[1], "images").read_bytes().split(b"\0")]
    try:
        quantize(Path(sys.argv[1]), paths, Path(sys.argv[2]))
    except ModelUnavailable as error:
        print(error)
        sys.exit(GAVE_A_REASON)
