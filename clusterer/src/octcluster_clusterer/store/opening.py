"""Where the vectors are kept, and how this process or another one opens them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from octcluster_clusterer.store.vectors import VectorCache

# A health check reads the settings, and with them this file: what is heavy is imported when it is needed.
# ruff: noqa: PLC0415


@dataclass(frozen=True)
class VectorPlace:
    """Where vectors are kept; it holds no secret, and can be sent to processes that open the same vectors.

    Attributes:
        url: ``redis://``, ``rediss://`` or ``unix://`` as ``RedisStore`` takes them; ``file:///FOLDER`` or
            ``s3://BUCKET/PREFIX`` for Parquet files.
        redis_password_file: File that holds the password of Redis; None: it asks for none.
        timeout_seconds: Longest wait for an answer.
    """

    url: str
    redis_password_file: Path | None = None
    timeout_seconds: float = 5.0


def open_vectors(
    place: VectorPlace, observe: Callable[[float, str], None] = lambda _seconds, _fault: None
) -> VectorCache:
    """Opens the vectors at a place; what it needs of the network is asked for only when it is first used.

    Args:
        place: Where they are.
        observe: Told after each request how long it took, and ``away`` or ``refused`` if it failed.
    """
    if place.url.startswith(("file:", "s3:")):
        from octcluster_clusterer.store.parquet.opening import open_parquet

        return open_parquet(place.url, place.timeout_seconds, observe)
    from octcluster_clusterer.store.redis import RedisStore
    from octcluster_clusterer.store.redis_vectors import RedisVectors

    password = place.redis_password_file.read_text().strip() if place.redis_password_file else None
    return RedisVectors(RedisStore(place.url, password, place.timeout_seconds, observe))
