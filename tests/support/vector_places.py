"""Every place where vectors can be kept, for tests of what all of them promise."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import redis
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.opening import VectorPlace, open_vectors
from octcluster_clusterer.store.parquet.opening import open_folder
from octcluster_clusterer.store.vectors import VectorCache
from s3 import S3, running_s3
from stores import STORES, Store, started_store

PLACES = (*STORES, "folder", "s3")


@dataclass
class Place:
    """A kind of place that is served, with room for many that are empty at first."""

    kind: str
    root: Path
    server: Store | S3 | None
    url: str = ""

    def clear(self) -> None:
        """Goes on at a place where nothing is."""
        if isinstance(self.server, Store):
            self.url = self.server.url
            redis.Redis.from_url(self.url).flushall()
        elif isinstance(self.server, S3):
            self.url = self.server.new_url()
        else:
            self.url = f"file://{self.root / uuid4().hex}"

    def open(self) -> VectorCache:
        """Opens it as another process would."""
        return open_vectors(VectorPlace(self.url))

    def damage(self, space: VectorSpace, image_key: bytes, vector: bytes) -> None:
        """Changes one byte of a stored vector behind everybody's back."""
        if isinstance(self.server, Store):
            redis.Redis.from_url(self.url).setrange(
                b"octcluster:v1:vector:" + space.digest + b":" + image_key, 5, bytes([vector[5] ^ 1])
            )
            return
        for name, content in read_shards(self.url).items():
            if (place := content.find(vector)) >= 0:
                write_shard(
                    self.url, name, content[: place + 5] + bytes([vector[5] ^ 1]) + content[place + 6 :]
                )


def read_shards(url: str) -> dict[str, bytes]:
    """The files of a place of Parquet files, by folder and name."""
    folder = open_folder(url, 5)
    found = {}
    for space in folder.list_spaces():
        for name in folder.list_files(space):
            with suppress(OSError), folder.open_file(space, name) as file:  # it may be merged at this moment
                found[f"{space}/{name}"] = bytes(file.read())
    return found


def write_shard(url: str, name: str, content: bytes) -> None:
    """Puts a file in the place of one, without a care for what it is."""
    space, _, name = name.partition("/")
    if urlsplit(url).scheme == "file":
        Path(urlsplit(url).path, space, name).write_bytes(content)
    else:
        open_folder(url, 5).write_file(space, name, lambda file: _write(file, content))


def _write(file: Any, content: bytes) -> None:
    file.write(content)


@contextmanager
def served_place(kind: str, root: Path) -> Iterator[Place]:
    """Has a place of this kind served until the block ends."""
    with ExitStack() as stack:
        server: Store | S3 | None = None
        if kind in STORES:
            server = stack.enter_context(started_store(kind))
        elif kind == "s3":
            server = stack.enter_context(running_s3())
        yield Place(kind, root, server)
