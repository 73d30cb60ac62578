"""What lies beside an image's pixels does not leave with them."""

import io
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from octcluster.images.metadata import remove_metadata
from PIL import ExifTags, Image, ImageOps, PngImagePlugin

PLANTED = "Planted^Name 1950-05-05"
GREYS = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
IMAGE = Image.fromarray(GREYS)


def save(kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    IMAGE.save(stream, kind, **options)
    return stream.getvalue()


def exif(orientation: int = 1) -> Image.Exif:
    made = Image.Exif()
    made[ExifTags.Base.Orientation] = orientation
    made[ExifTags.Base.Artist] = PLANTED
    made[ExifTags.Base.ImageDescription] = PLANTED
    made.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = PLANTED.encode()
    return made


def xmp(orientation: int = 1) -> bytes:
    return f'<x:xmpmeta>{PLANTED}<rdf tiff:Orientation="{orientation}"/></x:xmpmeta>'.encode()


def png_texts(orientation: int = 1) -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Patient", PLANTED)
    texts.add_text("Squeezed", PLANTED * 50, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", xmp(orientation).decode(), zip=True)
    return texts


def magick_png(orientation: int) -> bytes:
    """EXIF as ImageMagick writes it into a PNG: hexadecimal digits in a text."""
    block = exif(orientation).tobytes()
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n", zip=True)
    return save("PNG", pnginfo=texts)


WITH_TEXTS: Mapping[str, Callable[[], bytes]] = {
    "PNG": lambda: save("PNG", pnginfo=png_texts(), exif=exif()),
    "PNG, text behind its end": lambda: save("PNG") + PLANTED.encode(),
    "JPEG": lambda: save("JPEG", comment=PLANTED.encode(), exif=exif(), xmp=xmp()),
    "JPEG, profile": lambda: save("JPEG", icc_profile=PLANTED.encode() * 4000),
    "JPEG, progressive": lambda: save("JPEG", progressive=True, comment=PLANTED.encode()),
    "JPEG, text behind its end": lambda: save("JPEG") + PLANTED.encode(),
    "WebP": lambda: save("WEBP", lossless=True, exif=exif(), xmp=xmp(), icc_profile=PLANTED.encode()),
    "TIFF": lambda: save("TIFF", exif=exif(), description=PLANTED, artist=PLANTED),
    "TIFF, compressed": lambda: save("TIFF", exif=exif(), compression="tiff_lzw"),
    "BigTIFF": lambda: save("TIFF", exif=exif(), description=PLANTED, big_tiff=True),
}


def decode(data: bytes) -> NDArray[Any]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("kind", WITH_TEXTS)
def test_texts_go_and_pixels_stay(kind: str) -> None:
    data = WITH_TEXTS[kind]()
    cleaned = remove_metadata(data)
    assert cleaned != data
    assert PLANTED[:12].encode() not in cleaned
    with Image.open(io.BytesIO(cleaned)) as image:
        assert PLANTED[:12] not in str(image.info) + str(dict(image.getexif()))
    np.testing.assert_array_equal(decode(cleaned), decode(data))
    assert remove_metadata(cleaned) == cleaned


ORIENTED: Mapping[str, Callable[[int], bytes]] = {
    "PNG, EXIF": lambda turn: save("PNG", exif=exif(turn)),
    "PNG, XMP": lambda turn: save("PNG", pnginfo=png_texts(turn)),
    "PNG, ImageMagick": magick_png,
    "JPEG, EXIF": lambda turn: save("JPEG", exif=exif(turn)),
    "JPEG, XMP": lambda turn: save("JPEG", xmp=xmp(turn)),
    "WebP, EXIF": lambda turn: save("WEBP", exif=exif(turn)),
    "TIFF": lambda turn: save("TIFF", exif=exif(turn)),
}


@pytest.mark.parametrize("orientation", [2, 3, 6, 8, 9])
@pytest.mark.parametrize("kind", ORIENTED)
def test_an_image_lies_as_before(kind: str, orientation: int) -> None:
    data = ORIENTED[kind](orientation)
    cleaned = remove_metadata(data)
    assert PLANTED[:12].encode() not in cleaned
    np.testing.assert_array_equal(decode(cleaned), decode(data))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP"])
def test_an_image_without_texts_stays_as_it_is(kind: str) -> None:
    data = save(kind)
    assert remove_metadata(data) == data


@pytest.mark.parametrize("kind", WITH_TEXTS)
def test_damaged_images_are_taken_as_they_are(kind: str) -> None:
    data = WITH_TEXTS[kind]()
    random = np.random.default_rng(zlib.crc32(kind.encode()))
    for _ in range(60):
        damaged = bytearray(data[: random.integers(0, len(data))])
        for place in random.integers(0, max(1, len(damaged)), 4):
            damaged[place : place + 1] = bytes([random.integers(0, 256)])
        assert len(remove_metadata(bytes(damaged))) <= len(damaged) + 100
