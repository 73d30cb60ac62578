"""How the passes of an image's views become its vector."""

import numpy as np
import pytest
from numpy.typing import NDArray
from octcluster_embedder.images.decoding import DecodedImage
from octcluster_embedder.queueing.passes import compute_vectors
from octcluster_embedder.spaces import EmbeddingSpace, Features, View
from tiny_runtime import TinyRuntime

PLAIN, RETINA, BOTH = (View.PLAIN,), (View.RETINA,), (View.PLAIN, View.RETINA)


def picture(left: int, right: int) -> NDArray[np.uint8]:
    """The tiny model's vector of it is the left value, and of its mirror image the right one."""
    pixels = np.full((16, 16, 3), left, np.uint8)
    pixels[:, 8:] = right
    return pixels


def image(*windows: tuple[int, int]) -> DecodedImage:
    retina = np.stack([picture(*window) for window in windows]) if windows else None
    return DecodedImage(picture(10, 20)[np.newaxis], np.zeros(10, np.float32), retina)


def space(views: tuple[View, ...], *, flip: bool = False) -> EmbeddingSpace:
    return TinyRuntime().spaces[Features.POOLED].variant(flip, views)


def vectors(of: EmbeddingSpace, *images: DecodedImage) -> list[list[float]]:
    found: list[list[float]] = compute_vectors(TinyRuntime(), images, of).tolist()
    return found


@pytest.mark.parametrize(
    ("views", "flip", "windows", "vector", "n_passes"),
    [
        (PLAIN, False, [(1, 2)], [10], 1),
        (PLAIN, True, [(1, 2)], [15], 2),
        (RETINA, False, [(1, 2)], [1], 1),
        (RETINA, True, [(1, 2)], [1.5], 2),
        (BOTH, False, [(1, 2), (3, 4), (8, 9)], [10, 4], 4),
        (BOTH, True, [(1, 2), (8, 4)], [15, 2.5], 4),
        (RETINA, True, [(1, 2), (3, 6), (8, 4)], [(1 + 3 + 6 + 4) / 4], 4),
        (RETINA, True, [(1, 0), (2, 0), (0, 3), (0, 4)], [2.5], 4),
        (BOTH, True, [], [15, 15], 4),
    ],
)
def test_a_vector_has_the_mean_over_the_passes_of_each_view(
    views: tuple[View, ...], flip: bool, windows: list[tuple[int, int]], vector: list[float], n_passes: int
) -> None:
    runtime = TinyRuntime()
    (found,) = compute_vectors(runtime, [image(*windows)], space(views, flip=flip))
    assert found.tolist() == vector
    assert runtime.n_asked == 1
    assert len(runtime.inferred) == n_passes


def test_images_with_any_number_of_windows_share_a_batch() -> None:
    images = [image((1, 2)), image(), image((1, 2), (8, 4)), image((4, 4), (5, 5), (6, 6))]
    for flip in (False, True):
        of = space(BOTH, flip=flip)
        assert vectors(of, *images) == [vectors(of, one)[0] for one in images]


def test_a_mirrored_scan_has_the_same_vector_with_flip() -> None:
    windows = [(1, 2), (3, 6), (8, 4), (7, 5), (9, 12)]
    mirrored = [window[::-1] for window in windows[::-1]]
    for n_windows in range(1, 6):
        of = space(RETINA, flip=True)
        first, second = image(*windows[:n_windows]), image(*mirrored[-n_windows:])
        assert vectors(of, first) == vectors(of, second)


def test_values_are_of_the_type_of_the_space() -> None:
    assert compute_vectors(TinyRuntime(), [image()], space(PLAIN)).dtype == np.float32
    assert compute_vectors(TinyRuntime(), [image()], space(BOTH)).dtype == np.float16
