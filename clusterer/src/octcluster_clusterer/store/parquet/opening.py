"""Opens vectors in Parquet by the URL of their place."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from octcluster_clusterer.store.parquet.compactor import Compactor
from octcluster_clusterer.store.parquet.folders import ShardFolder
from octcluster_clusterer.store.parquet.local_folder import LocalFolder
from octcluster_clusterer.store.parquet.vectors import ParquetVectors


def open_parquet(url: str, timeout_seconds: float, observe: Callable[[float, str], None]) -> ParquetVectors:
    """Opens vectors at ``file:///FOLDER`` or ``s3://BUCKET/PREFIX``; see ``store.opening``."""
    folder = open_folder(url, timeout_seconds)
    return ParquetVectors(folder, observe, Compactor(folder))


def open_folder(url: str, timeout_seconds: float) -> ShardFolder:
    """Opens the place itself; asks nothing of it yet."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalFolder(Path(unquote(parts.path)))
    from octcluster_clusterer.store.parquet.s3_folder import S3Folder  # noqa: PLC0415 # it loads AWS's library

    path = f"{parts.netloc}{unquote(parts.path)}".rstrip("/")
    return S3Folder(path, dict(parse_qsl(parts.query)), timeout_seconds)
