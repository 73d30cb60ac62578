"""Opens vectors in Parquet by the URL of their place."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from octcluster_clusterer.store.parquet.compaction import GRACE_SECONDS, SpaceCompaction
from octcluster_clusterer.store.parquet.compactor import Compactor
from octcluster_clusterer.store.parquet.faults import asking
from octcluster_clusterer.store.parquet.folders import ShardFolder
from octcluster_clusterer.store.parquet.local_folder import LocalFolder
from octcluster_clusterer.store.parquet.shards import read_folder
from octcluster_clusterer.store.parquet.vectors import ParquetVectors

_SECONDS_BETWEEN_PASSES = 5.0
_LONGEST_SECONDS = 2 * GRACE_SECONDS


def open_parquet(url: str, timeout_seconds: float, observe: Callable[[float, str], None]) -> ParquetVectors:
    """Opens vectors at ``file:///FOLDER`` or ``s3://BUCKET/PREFIX``; see ``store.opening``."""
    folder = open_folder(url, timeout_seconds)
    return ParquetVectors(folder, observe, Compactor(folder))


def compact_all(url: str, timeout_seconds: float) -> Iterator[str]:
    """Merges the shards of every space into as few as can be, and waits until the old ones are deleted.

    Yields:
        What became of each space, for people.

    Raises:
        StoreUnavailable: The place does not serve; another call goes on.
    """
    folder = open_folder(url, timeout_seconds)
    with asking(lambda _seconds, _fault: None):
        folder.check()
        for name in folder.list_spaces():
            space = read_folder(name)
            if space is None:
                continue
            n_before = len(folder.list_files(name))
            compaction = SpaceCompaction(folder, space)
            later, deadline = (
                compaction.compact(GRACE_SECONDS, all_at_once=True),
                time.monotonic() + _LONGEST_SECONDS,
            )
            while later and time.monotonic() < deadline:  # servers at work there go on to merge
                time.sleep(_SECONDS_BETWEEN_PASSES)
                later = compaction.compact(GRACE_SECONDS)
            n_after = len(folder.list_files(name))
            yield f"{space.dimension} values of {space.data_type.value}: {n_before} files, now {n_after}"


def open_folder(url: str, timeout_seconds: float) -> ShardFolder:
    """Opens the place itself; asks nothing of it yet."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalFolder(Path(unquote(parts.path)))
    from octcluster_clusterer.store.parquet.s3_folder import S3Folder  # noqa: PLC0415 # it loads AWS's library

    path = f"{parts.netloc}{unquote(parts.path)}".rstrip("/")
    return S3Folder(path, dict(parse_qsl(parts.query)), timeout_seconds)
