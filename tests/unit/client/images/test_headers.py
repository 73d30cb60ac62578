"""What the first bytes of an image file tell, and what is said of files without a header."""

from pathlib import Path
from typing import Any

import pytest
from octcluster.images.headers import UnreadableImage, parse_header, read_head
from PIL import Image


def save(image: Image.Image, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("mode", "name", "expected"),
    [
        ("L", "image.jpeg", ("JPEG", 40, 30, 1, 8)),
        ("RGB", "image.jpeg", ("JPEG", 40, 30, 3, 8)),
        ("I;16", "image.png", ("PNG", 40, 30, 1, 16)),
        ("I;16", "image.tif", ("TIFF", 40, 30, 1, 16)),
        ("1", "image.png", ("PNG", 40, 30, 1, 1)),
        ("RGBA", "image.png", ("PNG", 40, 30, 4, 8)),
        ("L", "image.bmp", ("BMP", 40, 30, 1, 8)),
        ("RGB", "image.webp", ("WEBP", 40, 30, 3, 8)),
    ],
)
def test_header_tells_format_size_and_depth(
    tmp_path: Path, mode: str, name: str, expected: tuple[object, ...]
) -> None:
    found = parse_header(read_head(save(Image.new(mode, (40, 30)), tmp_path / name)))
    assert (found.format, found.width, found.height, found.channels, found.bits) == expected
    assert found.file_bytes == (tmp_path / name).stat().st_size


def test_header_at_the_end_of_a_large_file_is_found(tmp_path: Path) -> None:
    path = save(Image.effect_noise((400, 300), 50), tmp_path / "image.tif")
    little_endian = path.read_bytes()
    directory = int.from_bytes(little_endian[4:8], "little")
    if directory < 20_000:  # put the directory behind the pixels, as most programs do
        moved = little_endian + little_endian[directory:20_000]
        path.write_bytes(moved[:4] + len(little_endian).to_bytes(4, "little") + moved[8:])
    assert parse_header(read_head(path)).width == 400


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "empty"), (b"no image" * 9, "no JPEG"), (b"II*\0\xff\xff\0\0" * 9, "damaged")]
)
def test_file_without_header_says_why(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "image.jpeg"
    path.write_bytes(data)
    with pytest.raises(UnreadableImage, match=reason):
        parse_header(read_head(path))


def test_the_beginning_of_a_file_is_as_long_as_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.bmp"
    path.write_bytes(bytes(100_000))
    assert (len(read_head(path).data), len(read_head(path, 50_000).data)) == (16 * 1024, 50_000)
    whole = read_head(path, 1_000_000)
    assert (len(whole.data), whole.file_bytes, whole.is_cut) == (100_000, 100_000, False)
