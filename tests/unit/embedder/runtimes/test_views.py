"""Views through a real network: a lesion at the edge of a wide scan is seen, and batches change nothing."""

import numpy as np
import pytest
from numpy.typing import NDArray
from octcluster_embedder.images.decoding import DecodedImage, ImageLimits, decode_image
from octcluster_embedder.queueing.passes import compute_vectors
from octcluster_embedder.runtimes.runtime import Runtime
from octcluster_embedder.spaces import VIEWS_OFFERED, Features, View
from retina_scans import draw_scan, draw_wide_scan, encode, layer_rows
from sklearn.cluster import KMeans

pytestmark = pytest.mark.heavy

EDGE, CENTRE = 130, 768


def decode(pixels: NDArray[np.uint8]) -> DecodedImage:
    return decode_image(encode(pixels), 224, 224, ImageLimits(), find_retina=True)


def compute(runtime: Runtime, images: list[DecodedImage], view: View) -> NDArray[np.float32]:
    space = runtime.spaces[Features.BLOCKS].variant(True, (view,))
    return compute_vectors(runtime, images, space).astype(np.float32)


def test_a_vector_of_views_does_not_depend_on_its_batch(openvino_runtime: Runtime) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (496, 512), np.uint8)
    images = [
        decode(draw_scan(layer_rows())),
        decode(noise),
        decode(draw_wide_scan(0)),
        decode(draw_wide_scan(1, EDGE)),
    ]
    for views in VIEWS_OFFERED[1:]:
        space = openvino_runtime.spaces[Features.BLOCKS].variant(True, views)
        together = compute_vectors(openvino_runtime, images, space)
        alone = np.concatenate([compute_vectors(openvino_runtime, [image], space) for image in images])
        np.testing.assert_array_equal(together, alone)


@pytest.fixture(scope="module")
def wide_scans() -> list[list[DecodedImage]]:
    """Healthy ones, with a lesion at the edge, and with one in the centre."""
    return [[decode(draw_wide_scan(seed, lesion)) for seed in range(6)] for lesion in (None, EDGE, CENTRE)]


@pytest.mark.parametrize("view", list(View))
def test_a_lesion_at_the_edge_of_a_wide_scan_moves_its_vector_as_one_in_the_centre_does(
    openvino_runtime: Runtime, view: View, wide_scans: list[list[DecodedImage]]
) -> None:
    none, at_edge, in_centre = (compute(openvino_runtime, images, view) for images in wide_scans)
    moved = [np.linalg.norm(vectors - none, axis=1).mean() for vectors in (at_edge, in_centre)]
    assert moved[0] > moved[1] / 3
    if view is View.PLAIN:  # there the tilt of each scan shows, too: the whole recipe tells them apart
        return
    vectors = np.concatenate([none, at_edge])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = KMeans(2, n_init=10, random_state=0).fit_predict(vectors)
    assert set(labels[:6]) == {labels[0]} != set(labels[6:]) == {labels[-1]}
