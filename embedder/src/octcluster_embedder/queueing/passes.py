"""The forward passes of decoded images, and how they become vectors.

    image ──▶ for each view what the network is shown: the square in the centre or, of a wide image, windows;
              windows along the retina
          ──▶ with flip also mirror images ──▶ the mean of these passes: the parts of the view
          ──▶ the parts of one view after those of another

With flip, the right half of several windows is mirrored and the left half is not; the one in the middle is
shown both ways. The mirror image of the whole scan is so shown in the same passes, at half the price of
mirroring each window. An image without a retina is shown as ``plain`` in place of it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from octcluster_embedder.images.decoding import DecodedImage
from octcluster_embedder.runtimes.runtime import Runtime, Vectors
from octcluster_embedder.spaces import DataType, EmbeddingSpace, View


def compute_vectors(runtime: Runtime, images: Sequence[DecodedImage], space: EmbeddingSpace) -> Vectors:
    """Computes the vectors of images in one call of the runtime.

    Args:
        runtime: The model.
        images: Decoded for its input; at least one.
        space: A variant of one of the runtime's spaces.

    Returns:
        Values of the space's type, shape (n_images, dimension of the space).

    Raises:
        RuntimeError: The runtime left something out.
    """
    shown = [_show(image, view, flip=space.flip) for image in images for view in space.views]
    stacked = _stack([windows for passes in shown for windows in passes])
    vectors = runtime.infer(stacked, space.features)
    if len(vectors) != len(stacked):
        raise RuntimeError(f"the runtime answered {len(stacked)} images with {len(vectors)} vectors")
    ends = np.cumsum([sum(map(len, passes)) for passes in shown])[:-1]
    means: list[Vectors] = [_average(of_view, space.data_type) for of_view in np.split(vectors, ends)]
    joined: NDArray[Any] = np.concatenate(means)
    return joined.reshape(len(images), -1)


def _show(image: DecodedImage, view: View, *, flip: bool) -> list[NDArray[np.uint8]]:
    """What the network is shown of an image in one view; each uint8, shape (n_windows, height, width, 3)."""
    windows = image.retina if view is View.RETINA and image.retina is not None else image.plain
    if not flip:
        return [windows]
    half = len(windows) // 2
    return [windows[: len(windows) - half], windows[half:, :, ::-1]]


def _stack(parts: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Joins windows, whose three channels may be one and the same in memory."""
    if len(parts) == 1 and parts[0].flags.c_contiguous:
        return parts[0]
    stacked = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), np.uint8)
    start = 0
    for part in parts:
        end = start + len(part)
        for channel in range(part.shape[-1]):  # much faster than all channels at once
            stacked[start:end, ..., channel] = part[..., channel]
        start = end
    return stacked


def _average(vectors: NDArray[Any], data_type: DataType) -> Vectors:
    """The mean of all vectors, rounded where the values are whole numbers; shape (dimension,)."""
    mean = vectors[0] if len(vectors) == 1 else vectors.mean(axis=0, dtype=np.float32)
    if data_type is DataType.UINT8:
        mean = np.rint(mean)
    values: Vectors = mean.astype(data_type.value)
    return values
