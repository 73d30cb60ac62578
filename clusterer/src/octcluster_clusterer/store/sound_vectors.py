"""Which vectors may be stored, and which stored ones may be trusted."""

import logging
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.errors import VectorsMissing
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.vectors import Rejection

logger = logging.getLogger(__name__)

CHECKSUM_BYTES = 16


class Fault(StrEnum):
    """Why a stored value is no vector, as it is told to people after a number of vectors."""

    ABSENT = "not there (any more)"
    WRONG_LENGTH = "of the wrong length"
    CHANGED = "with changed bytes"
    NOT_FINITE = "with NaN or infinity"


def compute_checksum(space: VectorSpace, image_key: bytes, vector: bytes | memoryview) -> bytes:
    """What is kept beside a vector: a digest of its space, image key and values, 16 bytes."""
    checksum = blake2b(space.digest, digest_size=CHECKSUM_BYTES)
    checksum.update(image_key)
    checksum.update(vector)
    return checksum.digest()


def find_faults(
    space: VectorSpace,
    image_keys: NDArray[np.uint8],
    checksums: NDArray[np.uint8],
    vectors: NDArray[np.uint8],
) -> dict[Fault, NDArray[np.bool_]]:
    """Compares the checksums of vectors, and looks for what is no number.

    Args:
        space: Space that they should be of.
        image_keys: The image of each, uint8, shape (n_vectors, 32).
        checksums: What was kept beside each, uint8, shape (n_vectors, 16).
        vectors: Their bytes, uint8, shape (n_vectors, bytes of a vector).

    Returns:
        Which are no sound vectors, by fault: bool, shape (n_vectors,).
    """
    pairs = zip(image_keys, vectors, strict=True)
    right = b"".join(compute_checksum(space, key.tobytes(), vector.data) for key, vector in pairs)
    changed = (np.frombuffer(right, dtype=np.uint8).reshape(checksums.shape) != checksums).any(axis=1)
    finite = np.isfinite(vectors.view(space.value_type)).all(axis=1)
    return {Fault.CHANGED: changed, Fault.NOT_FINITE: ~finite & ~changed}


def take_sound(
    space: VectorSpace, vectors: Sequence[tuple[bytes, bytes]]
) -> tuple[list[tuple[bytes, bytes]], list[Rejection]]:
    """Parts vectors that are to be stored into those that may be, and those that are rejected."""
    sound, rejections = [], []
    for image_key, vector in vectors:
        reason = _find_reason(space, vector)
        if reason is None:
            sound.append((image_key, vector))
        else:
            rejections.append(Rejection(image_key, reason))
    return sound, rejections


def _find_reason(space: VectorSpace, vector: bytes) -> str | None:
    if len(vector) != space.vector_bytes:
        return f"the vector has {len(vector)} bytes, the space asks for {space.vector_bytes}"
    if not np.isfinite(np.frombuffer(vector, dtype=space.value_type)).all():
        return "the vector holds NaN or infinity"
    return None


def note_damage(faults: Counter[Fault]) -> None:
    """Logs how many values that were just read are damaged, if any is."""
    damaged = faults.copy()
    del damaged[Fault.ABSENT]
    if damaged:
        text = "%d values in the cache are damaged, and count as missing: %s"
        logger.warning(text, damaged.total(), _describe(damaged))


def require_all(faults: Counter[Fault], n_members: int) -> None:
    """Refuses to go on without the vector of each member.

    Raises:
        VectorsMissing: There are faults; the message has their number by kind.
    """
    if faults:
        raise VectorsMissing(
            f"{faults.total()} of {n_members} members have no sound vector in the cache "
            f"({_describe(faults)}): put them again and start a new run",
            {str(fault): count for fault, count in faults.items()},
        )


def _describe(faults: Counter[Fault]) -> str:
    return ", ".join(f"{faults[kind]} {kind}" for kind in Fault if faults[kind])
