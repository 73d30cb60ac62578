"""Which reader a file is for, and what it needs."""

from pathlib import PurePath

import pytest
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.registry import RegisteredReader, find_reader, list_readers
from octcluster.images.readers.tiff import TiffReader


@pytest.mark.parametrize(
    ("name", "head", "found"),
    [
        ("a.jpg", bytes(128) + b"DICM\x02\0\0\0UL\x04\0\0\0\0\0", "DICOM"),
        ("a.dcm", b"II*\0" + bytes(124) + b"DICM\x02\0\0\0UL\x04\0\0\0\0\0", "DICOM"),
        ("a.dcm", b"II*\0\x08\0\0\0", "TIFF"),
        ("a", b"MM\0*\0\0\0\x08", "TIFF"),
        ("a.dcm", b"nothing known", None),
        ("a.tif", b"", None),
    ],
)
def test_content_decides(name: str, head: bytes, found: str | None) -> None:
    registered = find_reader(PurePath(name), head)
    assert (registered and registered.reader.format) == found


def test_ending_decides_only_where_no_content_is_known() -> None:
    headerless = [found for found in list_readers() if found.reader.endings]
    assert headerless
    for registered in headerless:
        for ending in registered.reader.endings:
            path = PurePath(f"a{ending.upper()}")
            assert find_reader(path, b"\x07" * 64) == registered
            assert find_reader(path, b"II*\0\x08\0\0\0") != registered


def test_formats_have_names_of_their_own() -> None:
    formats = [registered.reader.format for registered in list_readers()]
    assert len(set(formats)) == len(formats)


def test_missing_library_is_told_with_the_extra_that_brings_it() -> None:
    registered = RegisteredReader(TiffReader(), "dicom", ("json", "no_such_library"))
    with pytest.raises(
        UnreadableImage,
        match=r"^TIFF files are read with no_such_library.*: pip install 'octcluster\[dicom\]'$",
    ):
        registered.prepare()
