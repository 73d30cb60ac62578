"""What a file is that should hold weights, told by its first bytes."""

from pathlib import Path

import pytest
from octcluster_embedder.errors import ModelUnavailable
from octcluster_embedder.models.registry import find_model
from octcluster_embedder.models.weights import WeightsOptions, find_weights
from octcluster_embedder.models.weights_content import find_content_fault

HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(100)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("w.weights.h5", HDF5, ""),
        ("w.keras", b"PK\x03\x04" + bytes(100), ""),
        ("w.pth", b"\x80\x02\x8a\nl\xfc\x9cF", ""),
        ("w.weights.h5", b"", "it is empty"),
        ("w.pth", b"", "it is empty"),
        ("w.h5", b"\n  <!DOCTYPE HTML><title>Login</title>", "it is a web page"),
        ("w.keras", b"<html><body>404</body></html>", "it is a web page"),
        ("w.pth", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "it is a web page"),
        ("w.h5", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "it is a pointer of Git LFS"),
        ("w.h5", b'{"error": "not found"}', "it is a text, and no weights"),
        ("w.h5", "gew\u00fcnschte Datei\n".encode() * 100, "it is a text, and no weights"),
        ("w.h5", b"PK\x03\x04" + bytes(100), "it is no HDF5 file"),
        ("w.h5", bytes(1000), "it is no HDF5 file"),
        ("w.keras", HDF5, "it is no zip archive"),
        ("w.pth", b"PK\x03\x04" + bytes(100), "it is in the zip format of PyTorch since 1.6"),
        ("w.pth", HDF5, "it is no PyTorch weights file"),
    ],
)
def test_each_kind_has_its_words(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    told = find_content_fault(path)
    assert told.startswith(words)
    assert bool(told) == bool(words)
    if words:
        with pytest.raises(ModelUnavailable, match=f"--weights: {path} does not hold weights: {words}"):
            find_weights(find_model("efficientnet-b0"), WeightsOptions(file=path))
