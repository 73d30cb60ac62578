"""Files that are no images are told what they are, by the client and by the embedder in the same words."""

import gzip
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from octcluster.images import reasons
from octcluster.images.headers import UnreadableImage, check_size, parse_header, read_head
from octcluster.images.sketch import draw_cells
from octcluster_embedder.errors import CorruptImage, EmptyImage, ImageError, UnsupportedFormat
from octcluster_embedder.images import reasons as reasons_of_embedder
from octcluster_embedder.images.decoding import ImageLimits, decode_image
from PIL import Image

GREY = np.clip(np.random.default_rng(0).normal(90, 40, (120, 140)), 0, 255).astype(np.uint8)
COLOUR = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=2)


def encode(pixels: np.ndarray, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form, **options)
    return stream.getvalue()


def write_tiff(pixels: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def add_chunk(name: bytes, body: bytes, before: bytes = b"IDAT") -> bytes:
    data = encode(GREY, "PNG")
    at = data.index(before) - 4
    return data[:at] + chunk(name, body) + data[at:]


def jpeg_of_kind(marker: int, bits: int = 8) -> bytes:
    data = encode(GREY, "JPEG")
    at = data.index(b"\xff\xc0")
    return data[: at + 1] + bytes([marker]) + data[at + 2 : at + 4] + bytes([bits]) + data[at + 5 :]


def tiff_of_compression(number: int) -> bytes:
    data = bytearray(encode(GREY, "TIFF"))
    directory = int.from_bytes(data[4:8], "little")
    for entry in range(directory + 2, directory + 2 + 12 * data[directory], 12):
        if int.from_bytes(data[entry : entry + 2], "little") == 259:
            data[entry + 8 : entry + 10] = number.to_bytes(2, "little")
    return bytes(data)


def cut(data: bytes, share: float) -> bytes:
    return data[: int(share * len(data))].rstrip(b"\xff") + b"\xff\xd9"


SCANS = encode(COLOUR, "JPEG", progressive=True, quality=90)
BIG_PROFILE = np.random.default_rng(1).integers(0, 256, 1_100_000, np.uint8).tobytes()
READ = {
    "PNG with a colour profile of 1.1 MB": add_chunk(b"iCCP", b"p\0\0" + zlib.compress(BIG_PROFILE, 0)),
    "PNG with a profile that unpacks to 50 MB": add_chunk(
        b"iCCP", b"p\0\0" + zlib.compress(bytes(50_000_000), 1)
    ),
    "PNG with 2 MB of text": add_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2_000_000))),
    "PNG with text behind the pixels": add_chunk(
        b"zTXt", b"k\0\0" + zlib.compress(bytes(2_000_000)), b"IEND"
    ),
    "PNG with a broken EXIF block": add_chunk(b"eXIf", b"no exif at all"),
    "JPEG with a large profile": encode(COLOUR, "JPEG", icc_profile=BIG_PROFILE),
    "JPEG of four inks": encode(np.dstack([COLOUR, GREY]), "TIFF"),
    "progressive JPEG": SCANS,
    "progressive JPEG in grey": encode(GREY, "JPEG", progressive=True),
    "progressive JPEG with a small one in its EXIF block": encode(
        GREY, "JPEG", progressive=True, exif=b"Exif\0\0" + encode(GREY[:50], "JPEG")
    ),
    "progressive JPEG with restarts": encode(GREY, "JPEG", progressive=True, restart_marker_rows=1),
    "animated PNG": encode(GREY, "PNG", save_all=True, append_images=[Image.fromarray(GREY[::-1])]),
    "animated WebP": encode(COLOUR, "WEBP", save_all=True, append_images=[Image.fromarray(COLOUR[::-1])]),
    "BigTIFF": encode(GREY, "TIFF", big_tiff=True),
    "tiled TIFF": write_tiff(GREY.astype(np.uint16) * 257, tile=(32, 32)),
    "TIFF of 16 bits in colour": write_tiff(COLOUR.astype(np.uint16) * 257, photometric="rgb"),
    "1 bit": write_tiff(GREY > 90),
}
REFUSED: dict[str, tuple[bytes, type[ImageError], str]] = {
    "empty": (b"", EmptyImage, "no bytes"),
    "GIF": (encode(GREY, "GIF"), UnsupportedFormat, "a GIF image"),
    "JPEG 2000": (encode(GREY, "JPEG2000"), UnsupportedFormat, "a JPEG 2000 image"),
    "JPEG 2000 codestream": (encode(GREY, "JPEG2000", no_jp2=True), UnsupportedFormat, "a JPEG 2000 image"),
    "AVIF": (b"\0\0\0\x1cftypavif" + bytes(90), UnsupportedFormat, "an AVIF image"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(90), UnsupportedFormat, "a HEIC image"),
    "MP4": (b"\0\0\0\x18ftypisom" + bytes(90), UnsupportedFormat, "a film"),
    "PDF": (encode(COLOUR, "PDF"), UnsupportedFormat, "a PDF document"),
    "ZIP": (b"PK\x03\x04" + bytes(90), UnsupportedFormat, "a ZIP archive.*unpack"),
    "gzip": (gzip.compress(encode(GREY, "PNG")), UnsupportedFormat, "a gzip archive.*unpack"),
    "DICOM": (bytes(128) + b"DICM" + bytes(90), UnsupportedFormat, "a DICOM file"),
    "sound": (b"RIFF\x20\0\0\0WAVEfmt " + bytes(90), UnsupportedFormat, "a sound"),
    "Git LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
        UnsupportedFormat,
        "a pointer of Git LFS.*git lfs pull",
    ),
    "web page": (b"\n<!DOCTYPE html><html><body>404</body></html>", UnsupportedFormat, "a web page"),
    "answer of a store": (b'<?xml version="1.0"?><Error/>', UnsupportedFormat, "text.*download"),
    "drawing": (b'<?xml version="1.0"?><svg xmlns="x"/>', UnsupportedFormat, "an SVG drawing"),
    "letter": (b"this is a letter\n" * 9, UnsupportedFormat, "it is text"),
    "zeros": (bytes(5000), UnsupportedFormat, "nothing but zeros"),
    "foreign": (b"\x07\xf3" * 90, UnsupportedFormat, "no JPEG, PNG"),
    "JPEG of 12 bits": (jpeg_of_kind(0xC1, 12), UnsupportedFormat, "a JPEG of 12 bits"),
    "lossless JPEG": (jpeg_of_kind(0xC3), UnsupportedFormat, "a lossless JPEG"),
    "JPEG-LS": (jpeg_of_kind(0xF7), UnsupportedFormat, "a JPEG-LS image"),
    "TIFF of a foreign compression": (tiff_of_compression(34712), UnsupportedFormat, "compression 34712"),
    "TIFF of doubles": (
        write_tiff(GREY.astype(np.float64)),
        UnsupportedFormat,
        "1 floating-point number of 64 bits a pixel",
    ),
    "TIFF of floats": (write_tiff(GREY.astype(np.float32)), UnsupportedFormat, "no agreed range"),
    "TIFF of five channels": (
        write_tiff(np.dstack([COLOUR, GREY, GREY]), photometric="minisblack", planarconfig="contig"),
        UnsupportedFormat,
        "5 whole numbers of 8 bits a pixel",
    ),
    "BigTIFF of big-endian bytes": (
        write_tiff(GREY, bigtiff=True, byteorder=">"),
        UnsupportedFormat,
        "big-endian bytes.*usual TIFF",
    ),
    "TIFF cut short": (encode(GREY, "TIFF")[:8000], CorruptImage, "cut short"),
    "TIFF without its directory": (b"II*\0\xff\xff\0\0" + bytes(90), CorruptImage, "header is damaged"),
    "JPEG cut short": (encode(GREY, "JPEG")[:2000], CorruptImage, "cut short"),
    **{
        f"progressive JPEG cut at {share}, with an end marker": (cut(SCANS, share), CorruptImage, "cut short")
        for share in (0.1, 0.3, 0.5)
    },
    "PNG cut short": (encode(GREY, "PNG")[:2000], CorruptImage, "cut short"),
    "PNG with texts, cut short": (add_chunk(b"tEXt", b"k\0" + b"x" * 99)[:2000], CorruptImage, "cut short"),
    "too small": (encode(GREY[:9], "PNG"), ImageError, "140x9 pixels"),
}


def read_by_client(data: bytes, folder: Path) -> None:
    path = folder / "image.jpeg"
    path.write_bytes(data)
    header = parse_header(read_head(path))
    check_size(header)
    draw_cells(path)


@pytest.mark.parametrize("name", READ)
def test_what_can_be_read_is_read(name: str, tmp_path: Path) -> None:
    assert decode_image(READ[name], 100, 100, ImageLimits()).plain.std() > 10
    read_by_client(READ[name], tmp_path)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_read_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    data, error, words = REFUSED[name]
    with pytest.raises(error, match=words) as of_embedder:
        decode_image(data, 100, 100, ImageLimits())
    with pytest.raises(UnreadableImage) as of_client:
        read_by_client(data, tmp_path)
    assert str(of_client.value) == str(of_embedder.value)


def test_both_have_the_same_reasons() -> None:
    assert Path(reasons.__file__).read_bytes() == Path(reasons_of_embedder.__file__).read_bytes()


def test_what_is_no_png_stays_as_it_is() -> None:
    assert reasons.drop_png_texts(b"no PNG") == b"no PNG"
    bare = encode(GREY, "PNG")
    assert reasons.drop_png_texts(bare) == bare
    assert reasons.drop_png_texts(add_chunk(b"tEXt", b"k\0text")) == bare
