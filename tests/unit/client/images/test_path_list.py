"""A list of paths, and what people give in its place."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest
from octcluster.images.folder import find_images
from octcluster.images.label_table import read_label_table
from octcluster.images.path_list import read_path_list
from octcluster.model.errors import InvalidImageSet
from PIL import Image

NAMES = "CNV/M\u00fcller-1.png\nDME/2.png\n"


def make_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("scans/0.png", b"")
    return file.getvalue()


def make_tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("scans/0.png"), io.BytesIO())
    return file.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_may_be_in_any_form_of_unicode(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "DME").mkdir()
    (tmp_path / "DME" / "2.png").touch()
    (tmp_path / "list.txt").write_bytes(NAMES.encode(encoding))
    assert read_path_list(tmp_path / "list.txt").names == NAMES.split()


@pytest.mark.parametrize(
    "content",
    [make_zip(), make_tar(), gzip.compress(b"0.png"), bz2.compress(b"0.png"), lzma.compress(b"0.png")],
    ids=["zip", "tar", "gzip", "bzip2", "xz"],
)
def test_an_archive_is_to_be_unpacked(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "scans").write_bytes(content)
    with pytest.raises(InvalidImageSet, match="scans is an archive: unpack it, and give the folder"):
        find_images(tmp_path / "scans")


@pytest.mark.parametrize(
    "content",
    [
        NAMES.encode("latin-1"),
        b"%PDF-1.7\n\xe2\xe3\xcf\xd3",
        b"0.png\0 1.png",
        bytes(range(256)),
        b"PAR1\0\1",
    ],
    ids=["latin-1", "pdf", "nul", "bytes", "parquet"],
)
def test_what_is_no_list_says_what_to_give(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "scans").write_bytes(content)
    with pytest.raises(InvalidImageSet) as caught:
        find_images(tmp_path / "scans")
    told = str(caught.value)
    assert "give a folder of images, or save the list as UTF-8, one path a line" in told
    assert "codec" not in told


def test_a_text_of_other_lines_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Scans\n\nThese are scans.\n")
    with pytest.raises(InvalidImageSet, match=r"no line of .*README.md is the path of a file"):
        find_images(tmp_path / "README.md")


def test_a_folder_is_no_table_of_labels(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "0.png")
    images = find_images(tmp_path).images
    with pytest.raises(InvalidImageSet, match="is a folder: say --labels folder if"):
        read_label_table(tmp_path, list(images), ("auto", "folder"))
