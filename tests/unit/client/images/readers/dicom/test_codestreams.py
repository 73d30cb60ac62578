"""The size that a compressed frame itself tells."""

import io
from typing import Any

import numpy as np
import pytest
from dicom_files import encode_jpeg, encode_jpeg_2000, make_frames
from octcluster.images.readers.dicom.codestreams import FrameSize, find_frame_size
from PIL import Image


def save(image: Image.Image, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


COLOUR = Image.fromarray(np.zeros((32, 48, 3), np.uint8))


@pytest.mark.parametrize(
    ("codestream", "expected"),
    [
        (encode_jpeg(make_frames(1)[0]), FrameSize(32, 48, 1, 8)),
        (save(COLOUR, "JPEG", comment=b"x" * 300), FrameSize(32, 48, 3, 8)),
        (save(COLOUR, "JPEG", progressive=True), FrameSize(32, 48, 3, 8)),
        (encode_jpeg_2000(make_frames(1)[0]), FrameSize(32, 48, 1, 8)),
        (encode_jpeg_2000(make_frames(1, bits=16)[0]), FrameSize(32, 48, 1, 16)),
        (save(COLOUR, "JPEG2000"), FrameSize(32, 48, 3, 8)),
    ],
)
def test_size_is_that_of_the_image(codestream: bytes, expected: FrameSize) -> None:
    assert find_frame_size(codestream) == expected


def test_no_beginning_of_a_codestream_crashes() -> None:
    for codestream in (encode_jpeg(make_frames(1)[0]), encode_jpeg_2000(make_frames(1)[0])):
        sizes = {find_frame_size(codestream[:length]) for length in range(len(codestream))}
        assert sizes == {None, FrameSize(32, 48, 1, 8)}


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG", b"\xff\xd8\xff\xda\x00\x02", b"\xff\xd8\xff" + b"\xff" * 99]
)
def test_other_bytes_have_no_size(data: bytes) -> None:
    assert find_frame_size(data) is None
