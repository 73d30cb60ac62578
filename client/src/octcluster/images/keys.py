"""Image keys: what the servers call an image, instead of its name."""

import hashlib
import hmac
import os
from pathlib import Path

SECRET_VARIABLE = "OCTCLUSTER_KEY_SECRET"  # noqa: S105 - the variable's name, not its value
_BLOCK_BYTES = 1 << 20


def image_key(data: bytes, secret: bytes | None = None) -> bytes:
    """Computes the key of an encoded image.

    Args:
        data: The bytes of the image file.
        secret: The site's secret. With one, nobody without it can tell from a key which image it is, not
            even by hashing a copy of the image. Vectors that were cached under another secret are not found.

    Returns:
        32 bytes: HMAC-SHA256 of the data under the secret, or its SHA-256 if there is no secret.
    """
    if secret:
        return hmac.digest(secret, data, "sha256")
    return hashlib.sha256(data).digest()


def image_key_of_file(path: Path, secret: bytes | None = None) -> bytes:
    """Computes the key of an image file without holding the file in memory.

    Args:
        path: The image file.
        secret: The site's secret; see image_key.

    Returns:
        The same as image_key of the file's bytes.

    Raises:
        OSError: The file cannot be read.
    """
    digest = hmac.new(secret, digestmod="sha256") if secret else hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.digest()


def check_of_secret(secret: bytes | None = None) -> str:
    """What tells whether keys were made under this secret: 64 hexadecimal digits; keys of others differ."""
    return image_key(b"octcluster", secret).hex()


def key_secret_from_environment() -> bytes:
    """The site's secret, from OCTCLUSTER_KEY_SECRET; empty if it is not set."""
    return os.environ.get(SECRET_VARIABLE, "").encode()
