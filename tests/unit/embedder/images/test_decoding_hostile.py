"""Whatever the bytes, decoding answers with pixels or with an ImageError."""

import io
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octcluster_embedder.errors import ImageError
from octcluster_embedder.images.decoding import ImageLimits, decode_image
from PIL import Image

LIMITS = ImageLimits(max_image_pixels=1_000_000)


def samples() -> list[bytes]:
    noise = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    colour, grey = Image.fromarray(noise), Image.fromarray(noise[:, :, 0])
    sixteen = Image.fromarray(noise[:, :, 0].astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    wanted: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (colour, "JPEG", {"exif": exif}),
        (grey, "JPEG", {"progressive": True}),
        (colour.convert("CMYK"), "JPEG", {}),
        (colour, "PNG", {"exif": exif}),
        (sixteen, "PNG", {}),
        (colour.quantize(16), "PNG", {"transparency": 3}),
        (colour, "TIFF", {"compression": "tiff_lzw"}),
        (colour, "TIFF", {"compression": "jpeg"}),
        (colour, "TIFF", {"compression": "tiff_deflate"}),
        (sixteen, "TIFF", {}),
        (grey.convert("1"), "TIFF", {"compression": "group4"}),
        (colour, "WEBP", {"exif": exif}),
        (colour, "WEBP", {"lossless": True}),
        (colour, "BMP", {}),
        (grey, "BMP", {}),
    ]
    encoded = []
    for image, file_format, options in wanted:
        stream = io.BytesIO()
        image.save(stream, file_format, **options)
        encoded.append(stream.getvalue())
    return encoded


SAMPLES = samples()
STARTS = [sample[:12] for sample in SAMPLES]


def decode(data: bytes) -> None:
    """Passes when pixels or an ImageError come out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            decoded = decode_image(data, 32, 32, LIMITS)
        except ImageError:
            return
    assert decoded.plain[0].shape == (32, 32, 3)
    assert np.isfinite(decoded.measures).all()


def test_the_samples_themselves_are_good() -> None:
    for sample in SAMPLES:
        assert decode_image(sample, 32, 32, LIMITS).plain[0].shape == (32, 32, 3)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes(data: bytes) -> None:
    decode(data)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(STARTS), st.binary(max_size=300))
def test_random_bytes_behind_a_real_start(start: bytes, data: bytes) -> None:
    decode(start + data)


@pytest.mark.heavy
@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), max_size=6),
)
def test_overwritten_images(sample: bytes, changes: list[tuple[float, bytes]]) -> None:
    data = bytearray(sample)
    for where, new in changes:
        # squared, so that headers, which stand at the start, are hit more often
        position = int(where * where * len(sample))
        data[position : position + len(new)] = new
    decode(bytes(data))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SAMPLES), st.floats(0, 1), st.floats(0, 1))
def test_cut_images(sample: bytes, start: float, end: float) -> None:
    first, last = sorted((int(start * len(sample)), int(end * len(sample))))
    decode(sample[:last])
    decode(sample[:first] + sample[last:])


@pytest.mark.parametrize("sample", SAMPLES)
def test_cut_anywhere_in_the_header(sample: bytes) -> None:
    for length in range(min(len(sample), 700)):
        decode(sample[:length])
