"""Files with secrets and keys, which this process alone may read."""

import stat
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

_FEWEST_SECRET_BYTES = 32
_KEY_BYTES = 32


def _check_secret(file: Path) -> Path:
    try:
        mode, content = file.stat().st_mode, file.read_bytes()
    except OSError:
        raise ValueError("must be a file that this process may read") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError(f"must be a file that others cannot read: chmod 600 {file}")
    if len(content.strip()) < _FEWEST_SECRET_BYTES:
        raise ValueError(
            f"must be a file with at least {_FEWEST_SECRET_BYTES} bytes: openssl rand -hex 32 > {file}"
        )
    return file


SecretFile = Annotated[Path, AfterValidator(_check_secret)]
"""A file with a secret, which this process alone may read."""


def _check_key(file: Path) -> Path:
    read_key(file)
    return file


def read_key(file: Path) -> bytes:
    """Reads a key of 32 bytes.

    Raises:
        ValueError: The file holds none.
    """
    try:
        key = bytes.fromhex(file.read_text("ascii"))
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ValueError(f"must be a file with 64 hexadecimal digits: openssl rand -hex 32 > {file}")
    return key


KeyFile = Annotated[SecretFile, AfterValidator(_check_key)]
"""A file with a key, which this process alone may read."""
