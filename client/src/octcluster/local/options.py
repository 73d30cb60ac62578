"""Which servers are started on this machine, and where they keep what outlives them."""

import os
from dataclasses import dataclass
from pathlib import Path


def default_cache_dir() -> Path:
    """The user's cache folder for octcluster: under XDG_CACHE_HOME if that is set, else under ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "octcluster"


@dataclass(frozen=True)
class LocalStackOptions:
    """Which services to start, and how.

    Attributes:
        cache_dir: Where vectors and models are kept; None: default_cache_dir().
        embedder: Whether to start an embedder.
        clusterer: Whether to start a clusterer, with Valkey.
        model: Name of the embedder's model, or its file.
        weights: Weights file of the model; None: its own source.
        weights_sha256: SHA-256 that the weights must have; None: the pinned one.
        renew_cache: Whether vectors and runs that cannot be read for damage are set aside, to start anew.
        lock_wait_seconds: How long to wait for another run that uses the cache folder.
        store_url: Where the clusterer keeps vectors as Parquet files, ``file:///...`` or ``s3://...``, which
            others may use at the same time; None: in the cache folder, which one job uses at a time.
    """

    cache_dir: Path | None = None
    embedder: bool = True
    clusterer: bool = True
    model: str = "efficientnet-lite0"
    weights: Path | None = None
    weights_sha256: str | None = None
    renew_cache: bool = False
    lock_wait_seconds: float = 3600
    store_url: str | None = None
