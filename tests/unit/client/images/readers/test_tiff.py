"""TIFF files of several pages: which pages are scans, and their pixels."""

from pathlib import Path

import numpy as np
import pytest
from octcluster.images.headers import UnreadableImage, read_head
from octcluster.images.readers.reader import ScanFacts
from octcluster.images.readers.tiff import TiffReader, has_several_pages
from PIL import Image
from tiff_files import TiffPage, write_tiff

READER = TiffReader()


def make_pages(count: int, dtype: str = "u1", **options: int) -> tuple[list[np.ndarray], list[TiffPage]]:
    source = np.random.default_rng(count)
    highest = np.iinfo(dtype).max
    arrays = [source.integers(0, highest, (7 + i, 5), endpoint=True).astype(dtype) for i in range(count)]
    pages = [
        TiffPage(5, len(array), array.tobytes(), array.itemsize * 8, **options)  # type: ignore[arg-type]
        for array in arrays
    ]
    return arrays, pages


def read(path: Path, numbers: list[int]) -> list[np.ndarray]:
    return [
        np.frombuffer(pixels.data, "<u2" if pixels.bits == 16 else "u1").reshape(pixels.height, pixels.width)
        for pixels in READER.read(path, numbers)
    ]


@pytest.mark.parametrize(
    ("dtype", "big"),
    [("<u1", False), ("<u2", True), ("<u1", True), ("<u2", False), (">u1", False), (">u2", False)],
)
def test_pages_are_read_pixel_by_pixel(tmp_path: Path, dtype: str, big: bool) -> None:
    arrays, pages = make_pages(4, dtype)
    path = tmp_path / "a.tif"
    path.write_bytes(write_tiff(pages, dtype[0], big=big))
    assert READER.recognises(path.read_bytes())
    assert has_several_pages(read_head(path))
    found = READER.look(path)
    bits = arrays[0].itemsize * 8
    assert found.scans == [ScanFacts(height=7 + i, width=5, bits=bits) for i in range(4)]
    for array, pixels in zip([arrays[3], arrays[1]], read(path, [4, 2]), strict=True):
        np.testing.assert_array_equal(pixels, array)


def test_file_of_one_page_is_no_container_wherever_its_directory_lies(tmp_path: Path) -> None:
    large = np.zeros((200, 300), np.uint8)
    for order, big in (("<", False), ("<", True), (">", False)):
        for pages in (1, 2):
            path = tmp_path / "a.tif"
            page = TiffPage(300, 200, large.tobytes())
            path.write_bytes(write_tiff([page] * pages, order, big=big))
            assert has_several_pages(read_head(path)) == (pages == 2)


@pytest.mark.parametrize("content", [b"II*\0", b"II*\0\xff\xff\xff\xff", b"II+\0\x08\0\0\0" + b"\xff" * 8])
def test_damaged_links_count_as_one_page(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    assert not has_several_pages(read_head(tmp_path / "a.tif"))


def test_pages_of_reduced_size_and_masks_are_left_out_and_counted(tmp_path: Path) -> None:
    arrays, pages = make_pages(2)
    _, (small,) = make_pages(1, kind=1)
    _, (mask,) = make_pages(1, kind=4)
    path = tmp_path / "a.tif"
    path.write_bytes(write_tiff([small, pages[0], small, mask, pages[1]]))
    found = READER.look(path)
    assert len(found.scans) == 2
    assert found.left_out == {"page of reduced size": 2, "mask": 1}
    for array, pixels in zip(arrays, read(path, [1, 2]), strict=True):
        np.testing.assert_array_equal(pixels, array)


@pytest.mark.parametrize("dtype", ["u1", "<u2"])
def test_where_white_is_zero_the_page_is_inverted(tmp_path: Path, dtype: str) -> None:
    arrays, pages = make_pages(2, dtype, white_is_zero=True)
    path = tmp_path / "a.tif"
    path.write_bytes(write_tiff(pages))
    np.testing.assert_array_equal(read(path, [2])[0], np.iinfo(dtype).max - arrays[1])


def test_colour_becomes_grey_as_the_embedder_measures_it(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
    rgba = np.dstack([rgb, np.full((6, 8), 255, np.uint8)])
    pages = [Image.fromarray(rgb), Image.fromarray(rgba)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    grey = np.asarray(pages[0].convert("L"))
    for pixels in read(tmp_path / "a.tif", [1, 2]):
        np.testing.assert_array_equal(pixels, grey)


def test_page_without_a_range_of_brightness_is_refused_with_the_cure(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.zeros((6, 8), np.float32))] * 2
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(UnreadableImage, match=r"pixels of type 'F'.*export it as 8- or 16-bit"):
        read(tmp_path / "a.tif", [2])


def test_cut_file_is_refused(tmp_path: Path) -> None:
    _, pages = make_pages(3)
    content = write_tiff(pages)
    (tmp_path / "a.tif").write_bytes(content[:-60])
    with pytest.raises(UnreadableImage, match="damaged"):
        READER.look(tmp_path / "a.tif")
