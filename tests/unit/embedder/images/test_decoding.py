import io
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from octcluster_embedder.errors import (
    CorruptImage,
    EmptyImage,
    TooManyBytes,
    TooManyPixels,
    TooSmall,
    UnsupportedFormat,
)
from octcluster_embedder.images import decoding as image_decoding
from octcluster_embedder.images.decoding import ImageLimits, decode_image
from octcluster_embedder.images.pixel_budget import PixelBudget
from PIL import ExifTags, Image, features

LIMITS = ImageLimits()
HEIGHT, WIDTH = 40, 60
RAMP = np.linspace(0, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).round().astype(np.uint8)
RAMP16 = np.linspace(0, 65535, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).round().astype(np.uint16)
RGB = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], axis=2)

# How a format that loses something loses the least.
BEST: dict[str, dict[str, Any]] = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}}


def encode(image: Image.Image | np.ndarray, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, file_format, **options)
    return stream.getvalue()


def decode(data: bytes, limits: ImageLimits = LIMITS) -> np.ndarray:
    """Decodes without changing the size, so that values can be compared one by one."""
    (shown,) = decode_image(data, HEIGHT, WIDTH, limits).plain
    return np.asarray(shown)


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[:, :, None], 3, axis=2)


def png(header: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    whole = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", header), *chunks, (b"IEND", b"")):
        whole += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return whole


def png_of(values: np.ndarray, bits: int, colour_type: int) -> bytes:
    """A PNG of samples that are already in the file's byte order, shape (height, bytes a row)."""
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, colour_type, 0, 0, 0)
    return png(header, (b"IDAT", zlib.compress(rows)))


def tiff(samples: bytes, tags: dict[int, tuple[int, int | bytes]], byte_order: str = "<") -> bytes:
    """An uncompressed TIFF of one strip; tags are number: (type, value), a value in bytes stands as it is."""
    sizes = {3: "H", 4: "I"}
    entries = {
        256: (4, WIDTH), 257: (4, HEIGHT), 259: (3, 1), 273: (4, 8), 277: (3, 1), 279: (4, len(samples)),
        **tags,
    }  # fmt: skip
    directory = struct.pack(f"{byte_order}H", len(entries))
    for number, (kind, value) in sorted(entries.items()):
        field = value if isinstance(value, bytes) else struct.pack(byte_order + sizes[kind], value)
        directory += struct.pack(f"{byte_order}HHI", number, kind, 1) + field.ljust(4, b"\0")
    start = (b"II" if byte_order == "<" else b"MM") + struct.pack(f"{byte_order}HI", 42, 8 + len(samples))
    return start + samples + directory + b"\0" * 4


def reference_sixteen_bits() -> np.ndarray:
    return grey(np.round(RAMP16 / 257).astype(np.uint8))


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "BMP", "WEBP"])
def test_lossless_formats_keep_every_value(file_format: str) -> None:
    options = {"lossless": True} if file_format == "WEBP" else {}
    assert np.array_equal(decode(encode(RGB, file_format, **options)), RGB)
    assert np.array_equal(decode(encode(RAMP, file_format, **options)), grey(RAMP))


def test_result_is_the_size_asked_for_as_uint8_rgb() -> None:
    pixels = decode_image(encode(RGB, "PNG"), 224, 112, LIMITS).plain[0]
    assert pixels.shape == (224, 112, 3)
    assert pixels.dtype == np.uint8


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((400, 600), np.uint8)
    stripes[:, ::2] = 255
    pixels = decode(encode(stripes, "PNG")).astype(int)
    assert np.all(np.abs(pixels - 128) <= 4)  # without antialiasing: 0 or 255


def test_a_wider_image_is_cropped_and_not_stretched() -> None:
    pixels = np.zeros((100, 190), dtype=np.uint8)
    pixels[:, :45] = pixels[:, 145:] = 255  # what the crop takes off
    pixels[25:75, 70:120] = 200  # a square in the centre, to remain one
    data = encode(Image.fromarray(pixels), "PNG")
    (shown,) = decode_image(data, 200, 200, LIMITS).plain
    decoded = shown[:, :, 0]
    assert (decoded[5:195, 5:195] < 250).all()
    rows, columns = np.nonzero(decoded[5:195, 5:195] > 100)
    assert np.ptp(rows) == np.ptp(columns)


@pytest.mark.parametrize(
    ("width", "height", "n_windows"),
    [(1999, 1000, 1), (2000, 1000, 3), (3000, 1000, 4), (800, 100, 11), (801, 100, 1), (100, 300, 1)],
)
@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_an_image_twice_as_wide_as_high_is_seen_in_its_whole_width(
    width: int, height: int, n_windows: int, file_format: str
) -> None:
    ramp = np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))
    shown = decode_image(encode(Image.fromarray(ramp), file_format), 50, 50, LIMITS).plain
    assert shown.shape == (n_windows, 50, 50, 3)
    if n_windows > 1:
        assert (shown[0].min() <= 3, shown[-1].max() >= 252) == (True, True)
        assert np.abs(shown[:, :, ::-1][::-1].astype(int) - (255 - shown.astype(int))).max() <= 5


def test_whether_an_image_is_wide_is_told_once_it_stands_upright() -> None:
    lying = Image.fromarray(np.tile(np.linspace(0, 255, 300).astype(np.uint8), (100, 1)))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    assert len(decode_image(encode(lying, "JPEG", exif=exif), 50, 50, LIMITS).plain) == 1
    assert (
        len(decode_image(encode(lying.rotate(90, expand=True), "JPEG", exif=exif), 50, 50, LIMITS).plain) == 4
    )


def crop_and_resize(image: Image.Image) -> np.ndarray:
    """By Pillow's own way from the image to 224 x 224 pixels."""
    left, top = ((side - min(image.size)) / 2 for side in image.size)
    box = (left, top, image.width - left, image.height - top)
    return np.asarray(image.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC, box))


def test_real_greyscale_jpeg_gives_the_same_as_rgb_and_as_plain_pillow(oct_images: Path) -> None:
    for path in sorted(oct_images.rglob("*.jp*g"))[:8]:
        with Image.open(path) as image:
            image.draft("RGB", (224, 224))
            expected = crop_and_resize(image)
        assert np.array_equal(decode_image(path.read_bytes(), 224, 224, LIMITS).plain[0], expected)


def test_decoding_at_a_reduced_size_keeps_the_picture(oct_images: Path) -> None:
    for path in sorted(oct_images.rglob("*.jp*g"))[::24]:
        with Image.open(path) as image:
            expected = crop_and_resize(image).astype(int)
        found = decode_image(path.read_bytes(), 224, 224, LIMITS).plain[0]
        assert np.abs(found - expected).mean() < 4
        assert np.abs(found[:, 1:] - expected[:, :-1]).mean() > np.abs(found - expected).mean()  # not shifted


@pytest.mark.parametrize(("side", "factor"), [(447, 1), (448, 2), (895, 2), (896, 4)])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_is_never_reduced_below_the_size_asked_for(side: int, factor: int, mode: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (side, side), np.uint8)
    data = encode(Image.fromarray(noise).convert(mode), "JPEG")
    with Image.open(io.BytesIO(data)) as image:
        image.draft(None, (side // factor, side // factor))
        assert image.size == (-(-side // factor),) * 2
        expected = crop_and_resize(image)
    assert np.array_equal(decode_image(data, 224, 224, LIMITS).plain[0], expected)


def test_sixteen_bit_greyscale_png_uses_the_full_range() -> None:
    data = png_of(RAMP16.astype(">u2").view(np.uint8).reshape(HEIGHT, -1), bits=16, colour_type=0)
    assert np.array_equal(decode(data), reference_sixteen_bits())


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_sixteen_bit_greyscale_tiff_in_both_byte_orders(byte_order: str) -> None:
    data = tiff(RAMP16.astype(f"{byte_order}u2").tobytes(), {258: (3, 16), 262: (3, 1)}, byte_order)
    assert np.array_equal(decode(data), reference_sixteen_bits())


def test_sixteen_bit_greyscale_tiff_compressed() -> None:
    data = encode(RAMP16, "TIFF", compression="tiff_lzw")
    assert np.array_equal(decode(data), reference_sixteen_bits())


def test_every_sixteen_bit_value_is_rounded() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = decode_image(encode(values, "PNG"), 256, 256, LIMITS).plain[0]
    assert np.array_equal(pixels[:, :, 0], np.round(values / 257).astype(np.uint8))


def test_tiff_in_which_white_is_zero_is_inverted() -> None:
    eight = tiff(RAMP.tobytes(), {258: (3, 8), 262: (3, 0)})
    assert np.array_equal(decode(eight), grey(255 - RAMP))
    sixteen = tiff(RAMP16.astype("<u2").tobytes(), {258: (3, 16), 262: (3, 0)})
    assert np.array_equal(decode(sixteen), 255 - reference_sixteen_bits())


def test_twelve_bit_tiff_is_spread_over_the_full_range() -> None:
    values = np.linspace(0, 4095, HEIGHT * WIDTH).round().astype(np.uint16)
    first, second = values[::2], values[1::2]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=1).astype(np.uint8)
    expected = np.round(values.reshape(HEIGHT, WIDTH) / 4095 * 255).astype(np.uint8)
    assert np.array_equal(decode(tiff(packed.tobytes(), {258: (3, 12), 262: (3, 1)})), grey(expected))


def test_sixteen_bit_colour_png_gives_the_upper_bits() -> None:
    values = np.stack([RAMP16, RAMP16[::-1], RAMP16[:, ::-1]], axis=2)
    data = png_of(values.astype(">u2").view(np.uint8).reshape(HEIGHT, -1), bits=16, colour_type=2)
    assert np.array_equal(decode(data), (values >> 8).astype(np.uint8))


def test_one_bit_and_palette() -> None:
    black_and_white = Image.fromarray(RAMP).point(lambda value: 255 * (value > 128), mode="1")
    expected = grey(np.where(RAMP > 128, 255, 0).astype(np.uint8))
    assert np.array_equal(decode(encode(black_and_white, "PNG")), expected)
    assert np.array_equal(decode(encode(black_and_white, "TIFF", compression="group4")), expected)
    palette = Image.fromarray(RGB).quantize(64)
    assert np.array_equal(decode(encode(palette, "PNG")), np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize("bits", [2, 4])
def test_few_bits_are_spread_over_the_full_range(bits: int) -> None:
    levels = 2**bits
    values = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % levels).astype(np.uint8)
    shifts = np.arange(8 - bits, -1, -bits)
    packed = (values.reshape(HEIGHT, -1, len(shifts)) << shifts).sum(axis=2).astype(np.uint8)
    assert np.array_equal(decode(png_of(packed, bits, colour_type=0)), grey(values * (255 // (levels - 1))))


def test_alpha_is_laid_over_black() -> None:
    alpha = np.where(np.arange(WIDTH) < WIDTH // 2, 255, 0).astype(np.uint8) * np.ones((HEIGHT, 1), np.uint8)
    expected = RGB * (alpha[:, :, None] > 0)
    assert np.array_equal(decode(encode(np.dstack([RGB, alpha]), "PNG")), expected)
    grey_alpha = Image.merge("LA", [Image.fromarray(RAMP), Image.fromarray(alpha)])
    assert np.array_equal(decode(encode(grey_alpha, "PNG")), grey(RAMP * (alpha > 0)))
    half = np.full((HEIGHT, WIDTH, 4), 200, np.uint8)
    half[:, :, 3] = 128
    assert np.all(np.abs(decode(encode(half, "PNG")).astype(int) - 100) <= 1)


def test_transparent_colour_is_laid_over_black() -> None:
    pixels = decode(encode(RAMP, "PNG", transparency=255))
    assert np.array_equal(pixels, grey(np.where(RAMP == 255, 0, RAMP)))


def test_cmyk_jpeg() -> None:
    image = Image.new("CMYK", (WIDTH, HEIGHT), (0, 255, 255, 0))
    pixels = decode(encode(image, "JPEG", quality=95))
    assert np.all(np.abs(pixels.astype(int) - (255, 0, 0)) <= 4)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_honoured(file_format: str) -> None:
    turned = Image.fromarray(np.rot90(RAMP))  # a viewer turns it back by 90 degrees clockwise
    exif = Image.Exif()
    exif[0x0112] = 6
    options = BEST.get(file_format, {})
    difference = decode(encode(turned, file_format, exif=exif, **options)).astype(int) - grey(RAMP)
    assert np.abs(difference).max() <= 4


def test_exif_orientation_of_sixteen_bits_is_honoured() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(np.ascontiguousarray(np.rot90(RAMP16)), "PNG", exif=exif)
    assert np.array_equal(decode(data), reference_sixteen_bits())


@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense, no TIFF header", b"Exif\0\0II*\0\x08"])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_does_not_spoil_a_good_image(file_format: str, exif: bytes) -> None:
    options = BEST.get(file_format, {})
    data = encode(RAMP, file_format, exif=exif, **options)
    assert np.abs(decode(data).astype(int) - grey(RAMP)).max() <= 4


@pytest.mark.parametrize("file_format", ["TIFF", "WEBP"])
def test_first_frame_counts(file_format: str) -> None:
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encode(RGB, file_format, save_all=True, append_images=[Image.fromarray(255 - RGB)], **options)
    assert np.array_equal(decode(data), RGB)


def test_pixel_types_without_a_brightness_range_are_refused() -> None:
    for values in (RAMP.astype(np.float32), RAMP.astype(np.int32)):
        with pytest.raises(UnsupportedFormat, match="8- or 16-bit greyscale"):
            decode(encode(values, "TIFF"))
    with pytest.raises(UnsupportedFormat, match="LAB"):
        decode(encode(Image.new("LAB", (WIDTH, HEIGHT)), "TIFF"))


def test_formats_of_pillow_that_are_not_promised_are_refused() -> None:
    for file_format in ("GIF", "PPM", "ICO", "JPEG2000", "AVIF"):
        if file_format == "AVIF" and not features.check("avif"):
            continue
        with pytest.raises(UnsupportedFormat, match="no JPEG, PNG, TIFF, BMP or WebP"):
            decode(encode(RGB, file_format))


def test_foreign_bytes_are_refused() -> None:
    for data in (b"just a text that someone named .jpg\n", b"\0", b"%PDF-1.7", b"\0" * 1000):
        with pytest.raises(UnsupportedFormat):
            decode(data)


def test_empty_image() -> None:
    with pytest.raises(EmptyImage, match="no bytes"):
        decode(b"")


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "BMP", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_images_are_corrupt(file_format: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    data = encode(noise, file_format)
    with pytest.raises(CorruptImage if file_format != "TIFF" else (CorruptImage, UnsupportedFormat)):
        decode(data[: int(len(data) * share)])


def test_limit_of_bytes() -> None:
    data = encode(RGB, "PNG")
    assert decode(data, ImageLimits(max_image_bytes=len(data))).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(TooManyBytes, match="--max-image-bytes"):
        decode(data, ImageLimits(max_image_bytes=len(data) - 1))


def test_limit_of_pixels() -> None:
    data = encode(RGB, "PNG")
    assert decode(data, ImageLimits(max_image_pixels=HEIGHT * WIDTH)).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(TooManyPixels, match=r"2,400 pixels, .*limit of 2,399.*--max-image-pixels"):
        decode(data, ImageLimits(max_image_pixels=HEIGHT * WIDTH - 1))


def test_shortest_side() -> None:
    assert decode(encode(np.zeros((16, 16), np.uint8), "PNG")).shape == (HEIGHT, WIDTH, 3)
    for shape in ((15, 400), (400, 15), (1, 1)):
        with pytest.raises(TooSmall, match="at least 16"):
            decode(encode(np.zeros(shape, np.uint8), "PNG"))


def bomb_png() -> bytes:
    rows = zlib.compressobj(1)
    body = b"".join(rows.compress(b"\0" * 10_001 * 100) for _ in range(100)) + rows.flush()
    return png(struct.pack(">IIBBBBB", 10_000, 10_000, 8, 0, 0, 0, 0), (b"IDAT", body))


def bomb_webp() -> bytes:
    def size(value: int) -> bytes:
        return struct.pack("<I", value)[:3]

    frame = encode(np.zeros((64, 64, 3), np.uint8), "WEBP", lossless=True)[12:]
    frame = size(0) + size(0) + size(63) + size(63) + size(100) + b"\0" + frame
    body = b"WEBPVP8X" + struct.pack("<IB3x", 10, 2) + size(16_383) + size(16_383)
    body += (
        b"ANIM"
        + struct.pack("<I6x", 6)
        + b"ANMF"
        + struct.pack("<I", len(frame))
        + frame
        + b"\0" * (len(frame) % 2)
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.heavy
@pytest.mark.parametrize("make", [bomb_png, bomb_webp])
def test_a_bomb_is_refused_from_its_header(make: Callable[[], bytes]) -> None:
    data = make()
    tracemalloc.start()
    start = time.thread_time()
    with pytest.raises(TooManyPixels, match="scale it down, or raise the embedder's --max-image-pixels"):
        decode(data)
    seconds = time.thread_time() - start
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 0.1
    assert peak_bytes < len(data) + 2**20


@pytest.mark.heavy
def test_compressed_text_and_profile_bombs_stay_small() -> None:
    bomb = zlib.compress(b"\0" * 200 * 2**20, 1)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    image = (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in RAMP)))
    for chunk in ((b"zTXt", b"key\0\0" + bomb), (b"iCCP", b"profile\0\0" + bomb)):
        tracemalloc.start()
        np.testing.assert_array_equal(decode(png(header, chunk, image)), grey(RAMP))
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < 8 * 2**20


PEAK_OF_A_DECODE = """
import resource, sys
from octcluster_embedder.images.decoding import ImageLimits, decode_image
from octcluster_embedder.images.pixel_budget import PixelBudget
data = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
decode_image(data, 224, 224, ImageLimits())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.heavy
@pytest.mark.parametrize(("mode", "most_bytes_a_pixel"), [("LA", 6), ("RGBA", 9), ("RGB", 5)])
def test_memory_of_a_large_image(mode: str, most_bytes_a_pixel: float) -> None:
    """Pillow holds 4 bytes a pixel in each of these modes."""
    side = 4000
    data = encode(Image.new(mode, (side, side)), "PNG")
    done = subprocess.run(
        [sys.executable, "-c", PEAK_OF_A_DECODE], input=data, capture_output=True, timeout=60, check=True
    )
    assert int(done.stdout) * 1024 < most_bytes_a_pixel * side * side + 24 * 2**20


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_conversion_in_bands_changes_nothing(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (301, 203, 4), np.uint8)
    if mode == "I;16":
        image = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(noise).convert("RGB" if mode == "CMYK" else "RGBA").convert(mode)
    data = encode(image, "TIFF" if mode == "CMYK" else "PNG")
    whole = decode(data)
    monkeypatch.setattr(image_decoding, "_PIXELS_IN_A_BAND", 203 * 7)
    assert np.array_equal(decode(data), whole)


def test_threads_share_the_budget_of_pixels() -> None:
    budget = PixelBudget()
    small_is_in = threading.Event()

    def hold_small() -> None:
        with budget.hold(1, 10):
            small_is_in.set()

    with budget.hold(100, 10):  # alone, so it may exceed the budget
        thread = threading.Thread(target=hold_small)
        thread.start()
        assert not small_is_in.wait(0.2)
    assert small_is_in.wait(10)
    thread.join()
    with pytest.raises(CorruptImage), budget.hold(10, 10):
        raise CorruptImage("a failed decode gives its pixels back")
    with budget.hold(5, 10), budget.hold(5, 10):
        pass


def test_decoding_waits_for_pixels_of_other_threads() -> None:
    limits = ImageLimits(max_image_pixels=HEIGHT * WIDTH)
    with ThreadPoolExecutor(1) as pool:
        with image_decoding._pixels_at_once.hold(HEIGHT * WIDTH + 1, 2 * HEIGHT * WIDTH):
            decoding = pool.submit(decode, encode(RAMP, "PNG"), limits)
            with pytest.raises(TimeoutError):
                decoding.result(timeout=0.3)
        assert np.array_equal(decoding.result(timeout=10), grey(RAMP))
