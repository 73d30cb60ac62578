"""The pixel baseline: the vector of an image is the image itself, grey and small."""

from pathlib import Path

import numpy as np
import pytest
from octcluster_embedder.errors import SettingError
from octcluster_embedder.images.decoding import DecodedImage, ImageLimits, decode_image
from octcluster_embedder.images.measures import MEASURES
from octcluster_embedder.models.registry import MODELS
from octcluster_embedder.models.weights import WeightsOptions
from octcluster_embedder.queueing.passes import compute_vectors
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.runtimes.pixel_runtime import PixelRuntime
from octcluster_embedder.spaces import Features
from PIL import Image, ImageOps

RUNTIME = PixelRuntime(MODELS["pixels"])
SPACE = RUNTIME.spaces[Features.PIXELS]


def test_a_vector_is_the_centre_of_the_image_at_150_by_150(oct_images: Path) -> None:
    file = min(oct_images.rglob("*.jp*g"))
    pixels = decode_image(file.read_bytes(), RUNTIME.input_height, RUNTIME.input_width, ImageLimits()).plain[
        0
    ]
    (vector,) = RUNTIME.infer(pixels[np.newaxis], Features.PIXELS)
    assert (vector.shape, vector.dtype) == ((22_500,), np.uint8)
    with Image.open(file) as image:
        image.draft(None, (150, 150))
        expected = ImageOps.fit(image.convert("L"), (150, 150), Image.Resampling.BICUBIC)
    assert (vector.reshape(150, 150) == np.asarray(expected)).all()


def test_colours_become_the_grey_that_pillow_makes_of_them() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (2, 150, 150, 3), dtype=np.uint8)
    vectors = RUNTIME.infer(colours, Features.PIXELS)
    expected = [np.asarray(Image.fromarray(colour).convert("L")).ravel() for colour in colours]
    assert (vectors == expected).all()
    grey = np.repeat(np.arange(225, dtype=np.uint8), 300).reshape(1, 150, 150, 3)
    assert (RUNTIME.infer(grey, Features.PIXELS) == grey[..., 0].reshape(1, -1)).all()


def test_the_mean_with_the_mirror_image_stays_within_a_byte() -> None:
    bright = np.full((1, 150, 150, 3), 255, dtype=np.uint8)
    half = bright.copy()
    half[:, :, :75] = 250
    images = [DecodedImage(pixels, np.zeros(len(MEASURES), np.float32)) for pixels in (bright, half)]
    vectors = compute_vectors(RUNTIME, images, SPACE.variant(True))
    assert vectors.dtype == np.uint8
    assert set(vectors[0]) == {255}
    assert set(vectors[1]) == {252}


def test_the_space_says_one_byte_a_value() -> None:
    assert (SPACE.data_type, SPACE.dimension, SPACE.vector_bytes) == ("uint8", 22_500, 22_500)
    assert len(SPACE.weights_digest) == 64


def test_it_needs_no_runtime_and_takes_no_weights(tmp_path: Path) -> None:
    assert isinstance(load_runtime("jax", "pixels"), PixelRuntime)
    for weights in (WeightsOptions(file=tmp_path / "weights.h5"), WeightsOptions(sha256="0" * 64)):
        with pytest.raises(SettingError, match="has no weights"):
            load_runtime("auto", "pixels", weights)
