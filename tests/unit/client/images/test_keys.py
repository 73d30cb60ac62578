"""Keys name images without telling what they are."""

import hashlib
import hmac
from pathlib import Path

import pytest
from octcluster.images.keys import image_key, image_key_of_file, key_secret_from_environment


def test_key_without_secret_is_sha256() -> None:
    assert image_key(b"image") == hashlib.sha256(b"image").digest()
    assert image_key(b"image", b"") == image_key(b"image", None)


def test_key_with_secret_is_hmac() -> None:
    assert image_key(b"image", b"secret") == hmac.new(b"secret", b"image", hashlib.sha256).digest()
    assert image_key(b"image", b"secret") != image_key(b"image", b"another")


@pytest.mark.parametrize("secret", [b"", b"secret"])
@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (2 << 20) + 17])
def test_key_of_a_file_is_the_key_of_its_bytes(tmp_path: Path, secret: bytes, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    file = tmp_path / "image"
    file.write_bytes(data[:size])
    assert image_key_of_file(file, secret) == image_key(data[:size], secret)


def test_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCTCLUSTER_KEY_SECRET", "geheim")
    assert key_secret_from_environment() == b"geheim"
    monkeypatch.delenv("OCTCLUSTER_KEY_SECRET")
    assert key_secret_from_environment() == b""


def test_options_do_not_print_the_secret() -> None:
    from octcluster import RunOptions

    assert "geheim" not in repr(RunOptions(key_secret=b"geheim"))
