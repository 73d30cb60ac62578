"""Vectors in Parquet for the benchmarks of the Dask engine: any number, made and written block by block.

They look like the features ``blocks`` of EfficientNet-Lite0: three parts; twelve groups of uneven size (see
embeddings.py); patients of four scans each, who differ as much as the scans of one of them do; a mean so
large that any two vectors have a cosine of some 0.94. Each block has a copy with a little noise of one of its
own members, and, but for the first block, of one of the first block.

A block has the same vectors whatever comes after it: a benchmark of n vectors uses the first n of a store,
and a store that is kept is written only once. Each block is a shard, as large as a block of the engine.

    .venv/bin/python benchmarks/made_store.py FOLDER --vectors 1000000      # 12.4 GB
"""

import argparse
import json
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from embeddings import GROUPS, Mixture
from full_size import PARTS
from numpy.typing import NDArray
from octcluster_clusterer.engine.blocks import BLOCK_ROWS
from octcluster_clusterer.model import Members, VectorSpace
from octcluster_clusterer.store.parquet.folders import ENDING
from octcluster_clusterer.store.parquet.local_folder import LocalFolder
from octcluster_clusterer.store.parquet.shards import Rows, name_folder, write_shard
from octcluster_clusterer.store.sound_vectors import compute_checksum

DIMENSIONS = PARTS["blocks"]
SPACE = VectorSpace(b"b" * 32, sum(DIMENSIONS))
SCANS_OF_PATIENT = 4
_SEPARATION = 1.0
_SHARE_OF_PATIENTS = 0.5
_MEAN_LENGTH = 4.0
"""Of the mean, in root mean squared lengths of what differs between members."""
_MOST_COPY_NOISE = 0.4
"""Of a copy, in mean absolute values of what differs between members: a similarity of 0.96 or more."""
_KEYS, _MEMBERS = 1, 2


class MadeStore:
    """A folder of made vectors."""

    def __init__(self, folder: Path) -> None:
        """Uses ``folder``, which may hold blocks already."""
        self.url = f"file://{folder.resolve()}"
        self._folder = LocalFolder(folder)

    def fill(self, count: int) -> None:
        """Writes the blocks that the first ``count`` vectors need and that are not there yet."""
        there = self._folder.list_files(name_folder(SPACE))
        for block in range(-(-count // BLOCK_ROWS)):
            name = f"made-{block:05d}{ENDING}"
            if name not in there:
                rows = _to_rows(make_keys(block), make_block(block)[0])
                self._folder.write_file(
                    name_folder(SPACE), name, lambda file, rows=rows: write_shard(file, SPACE, [rows])
                )


def find_members(count: int) -> tuple[Members, NDArray[np.int32]]:
    """The first members with their patients, and the group that each was made of: int32, shape (count,)."""
    blocks = range(-(-count // BLOCK_ROWS))
    keys = np.concatenate([make_keys(block) for block in blocks])[:count]
    groups = np.concatenate([_draw(block)[0] for block in blocks])[:count]
    return Members(keys, None, (np.arange(count) // SCANS_OF_PATIENT).astype(np.int32)), groups


def make_keys(block: int) -> NDArray[np.uint8]:
    """The image keys of a block: uint8, shape (BLOCK_ROWS, 32)."""
    return np.random.default_rng([block, _KEYS]).integers(0, 256, (BLOCK_ROWS, 32), dtype=np.uint8)


def make_block(block: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Makes a block: float32, shape (BLOCK_ROWS, 3104), and the group of each row, int32, (BLOCK_ROWS,)."""
    groups, random = _draw(block)
    tails = 0.7 + 0.3 * random.gamma(4.0, 0.25, (BLOCK_ROWS, 1))
    parts = []
    for (mixture, mean), dimension in zip(_make_mixtures(), DIMENSIONS, strict=True):
        patients = random.standard_normal((BLOCK_ROWS // SCANS_OF_PATIENT, dimension))
        noise = np.sqrt(_SHARE_OF_PATIENTS) * patients.repeat(SCANS_OF_PATIENT, axis=0)
        noise += np.sqrt(1 - _SHARE_OF_PATIENTS) * random.standard_normal((BLOCK_ROWS, dimension))
        parts.append(mixture.place(groups, noise, tails) + mean)
    vectors = np.hstack(parts)
    own, copy, copy_of_first = random.choice(BLOCK_ROWS, 3, replace=False)
    sources = {copy: vectors[own]} | ({copy_of_first: _first_vector(block)} if block else {})
    for row, source in sources.items():
        noise = random.uniform(0, _MOST_COPY_NOISE) * np.abs(vectors - vectors.mean(axis=0)).mean()
        vectors[row] = source + noise * random.standard_normal(SPACE.dimension)
    return vectors, groups


def _draw(block: int) -> tuple[NDArray[np.int32], np.random.Generator]:
    """The groups of a block, the same for all scans of a patient, and the generator of all else in it."""
    shares = np.random.default_rng(0).dirichlet(np.full(GROUPS, 5.0))
    random = np.random.default_rng([block, _MEMBERS])
    groups = random.choice(GROUPS, BLOCK_ROWS // SCANS_OF_PATIENT, p=shares)
    return groups.repeat(SCANS_OF_PATIENT).astype(np.int32), random


@cache
def _make_mixtures() -> Sequence[tuple[Mixture, NDArray[np.float32]]]:
    """The groups of each part, and the mean that all vectors have in common."""
    made = []
    for number, dimension in enumerate(DIMENSIONS):
        random = np.random.default_rng([number, 0, 0])
        mixture = Mixture(dimension, random, _SEPARATION)
        groups = np.arange(1024, dtype=np.int32) % GROUPS
        some = mixture.place(groups, random.standard_normal((1024, dimension)), np.ones((1024, 1)))
        mean = np.abs(random.standard_normal(dimension))
        length = _MEAN_LENGTH * np.sqrt((some**2).sum(axis=1).mean())
        made.append((mixture, (mean * length / np.linalg.norm(mean)).astype(np.float32)))
    return made


@cache
def _first_block() -> NDArray[np.float32]:
    return make_block(0)[0][:1024].copy()


def _first_vector(block: int) -> NDArray[np.float32]:
    """A vector of the first block, another one for each of the next thousand blocks."""
    return _first_block()[block % 1024]


def _to_rows(keys: NDArray[np.uint8], vectors: NDArray[np.float32]) -> Rows:
    values = vectors.astype(SPACE.value_type).view(np.uint8)
    checksums = [
        compute_checksum(SPACE, key.tobytes(), row.data) for key, row in zip(keys, values, strict=True)
    ]
    return Rows(
        keys,
        np.ones(len(keys), dtype=np.int64),
        np.frombuffer(b"".join(checksums), dtype=np.uint8).reshape(len(keys), -1),
        values,
    )


def main() -> None:
    """Makes a store and prints its place."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--vectors", type=int, required=True)
    options = parser.parse_args()
    began = time.monotonic()
    store = MadeStore(options.folder)
    store.fill(options.vectors)
    seconds = round(time.monotonic() - began, 1)
    print(json.dumps({"url": store.url, "vectors": options.vectors, "seconds": seconds}))


if __name__ == "__main__":
    main()
