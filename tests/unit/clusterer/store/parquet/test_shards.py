"""Shards: what other programs read in them, and that damage is never an answer."""

import os
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from octcluster_clusterer.model import DataType, VectorSpace
from octcluster_clusterer.store.opening import VectorPlace, open_vectors
from octcluster_clusterer.store.parquet.opening import open_folder
from octcluster_clusterer.store.parquet.shards import Rows, name_folder, read_folder, write_shard
from octcluster_clusterer.store.sound_vectors import compute_checksum
from octcluster_clusterer.store.vectors import VectorCache

SPACE = VectorSpace(b"\x01" * 32, dimension=48)


def make_vectors(space: VectorSpace, n_vectors: int) -> list[tuple[bytes, bytes]]:
    values = np.random.default_rng(0).normal(scale=50, size=(n_vectors, space.dimension))
    return [(os.urandom(32), row.tobytes()) for row in values.astype(space.value_type)]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/vectors"


@pytest.fixture
def cache(url: str) -> VectorCache:
    return open_vectors(VectorPlace(url))


def shard_files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "vectors").glob("space=*/*.parquet"))


def read_pandas(pattern: str) -> dict[bytes, list[float]]:
    table = pd.read_parquet(pattern.rpartition("/space=")[0])
    return {key: list(vector) for key, vector in zip(table["image_key"], table["vector"], strict=True)}


def read_polars(pattern: str) -> dict[bytes, list[float]]:
    table = pl.scan_parquet(pattern, hive_partitioning=True).select("image_key", "vector").collect()
    return {key: list(vector) for key, vector in table.iter_rows()}


def read_duckdb(pattern: str) -> dict[bytes, list[float]]:
    found = duckdb.connect().execute(f"select image_key, vector from read_parquet('{pattern}')")
    return {bytes(key): list(vector) for key, vector in found.fetchall()}


def read_pyarrow(pattern: str) -> dict[bytes, list[float]]:
    table = pa.dataset.dataset(pattern.rpartition("/space=")[0], partitioning="hive").to_table()
    return dict(zip(table["image_key"].to_pylist(), table["vector"].to_pylist(), strict=True))


def read_dask(pattern: str) -> dict[bytes, list[float]]:
    table = (
        import_module("dask.dataframe")
        .read_parquet(pattern.rpartition("/space=")[0], columns=["image_key", "vector"])
        .compute()
    )
    return {key: list(vector) for key, vector in zip(table["image_key"], table["vector"], strict=True)}


READERS = [read_pandas, read_polars, read_duckdb, read_pyarrow]
if find_spec("dask") and find_spec("dask.dataframe"):
    READERS.append(read_dask)


@pytest.mark.heavy
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("data_type", [DataType.FLOAT32, DataType.FLOAT16])
def test_other_programs_read_the_vectors(
    reader: Any, data_type: DataType, cache: VectorCache, tmp_path: Path
) -> None:
    space = VectorSpace(b"\x02" * 32, 48, data_type)
    vectors = make_vectors(space, 30)
    cache.put(space, vectors[:20])
    cache.put(space, vectors[20:])
    found = reader(f"{tmp_path}/vectors/space=*/*.parquet")
    assert found.keys() == {key for key, _ in vectors}
    for key, vector in vectors:
        assert np.array(found[key], space.value_type).tobytes() == vector


@pytest.mark.parametrize("data_type", DataType)
def test_the_name_of_a_folder_says_its_space(data_type: DataType) -> None:
    space = VectorSpace(os.urandom(32), 1280, data_type)
    assert read_folder(name_folder(space)) == space
    for name in ("lost+found", "space=", "space=00-float32-x", "space=00-int8-4", f"{name_folder(space)}0x"):
        assert read_folder(name) is None


def test_row_groups_are_of_bounded_size(cache: VectorCache, tmp_path: Path) -> None:
    wide = VectorSpace(b"\x03" * 32, dimension=2**18)
    vectors = make_vectors(wide, 70)
    cache.put(wide, vectors)
    (file,) = shard_files(tmp_path)
    metadata = pq.ParquetFile(file).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [*[8] * 8, 6]
    assert cache.get(wide, [key for key, _ in reversed(vectors)]) == vectors[::-1]


def test_only_the_owner_can_read_what_is_written(cache: VectorCache, tmp_path: Path) -> None:
    cache.put(SPACE, make_vectors(SPACE, 1))
    (file,) = shard_files(tmp_path)
    folders = (file.parent, file.parent.parent)
    assert [place.stat().st_mode & 0o777 for place in (file, *folders)] == [0o600, 0o700, 0o700]
    assert os.listdir(file.parent) == [file.name], "nothing is left beside it"


@pytest.mark.parametrize(
    "content",
    [b"", b"PAR1", b"no shard at all", bytes(5000), b"PAR1" + bytes(200) + b"\xff\xff\xff\x7fPAR1"],
)
def test_a_file_that_is_no_shard_is_told_of_once_and_left(
    content: bytes, cache: VectorCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vectors = make_vectors(SPACE, 3)
    cache.put(SPACE, vectors)
    stranger = shard_files(tmp_path)[0].with_name("put-x.parquet")
    stranger.write_bytes(content)
    for _ in range(3):
        assert cache.get(SPACE, [key for key, _ in vectors]) == vectors
    assert caplog.text.count("one shard is damaged: its vectors count as missing") == 1
    assert stranger.read_bytes() == content


def test_a_table_of_another_program_is_no_shard(cache: VectorCache, tmp_path: Path) -> None:
    vectors = make_vectors(SPACE, 3)
    cache.put(SPACE, vectors)
    file = shard_files(tmp_path)[0]
    table = pq.read_table(file)
    stranger = os.urandom(32)
    swapped = table.set_column(0, table.schema.field(0), pa.array([stranger] * 3, pa.binary(32)))
    pq.write_table(swapped, file.with_name("put-x.parquet"))  # a vector under the key of another image
    pq.write_table(table.drop_columns(["checksum"]), file.with_name("put-y.parquet"))
    pq.write_table(pa.table({"a": [1]}), file.with_name("put-z.parquet"))
    assert cache.get(SPACE, [stranger, *(key for key, _ in vectors)]) == vectors


@pytest.mark.parametrize("hours", [1, 1000, 10**6])
def test_a_clock_that_was_ahead_hides_nothing_that_is_put_later(
    hours: int, cache: VectorCache, url: str
) -> None:
    (key, ahead), (_, later) = make_vectors(SPACE, 2)
    put_at = min(time.time_ns() + hours * 3600 * 10**9, 2**63 - 1)
    rows = Rows(
        np.frombuffer(key, np.uint8).reshape(1, -1),
        np.array([put_at]),
        np.frombuffer(compute_checksum(SPACE, key, ahead), np.uint8).reshape(1, -1),
        np.frombuffer(ahead, np.uint8).reshape(1, -1),
    )
    open_folder(url, 5).write_file(
        name_folder(SPACE), "put-x.parquet", lambda file: write_shard(file, SPACE, [rows])
    )
    assert cache.get(SPACE, [key]) == [(key, ahead)]
    cache.put(SPACE, [(key, later)])
    for opened in (cache, open_vectors(VectorPlace(url))):
        assert opened.get(SPACE, [key]) == [(key, later)]


def test_no_change_of_a_byte_and_no_cut_makes_a_wrong_answer(url: str, tmp_path: Path) -> None:
    vectors = make_vectors(SPACE, 4)
    open_vectors(VectorPlace(url)).put(SPACE, vectors)
    (file,) = shard_files(tmp_path)
    whole = file.read_bytes()
    rng = np.random.default_rng(1)
    keys = [key for key, _ in vectors]
    n_sound = []
    for place in [*range(0, len(whole), 7), *range(len(whole) - 60, len(whole))]:
        changed = bytearray(whole)
        changed[place] ^= int(rng.integers(1, 256))
        for content in (bytes(changed), whole[:place]):
            file.write_bytes(content)
            found = open_vectors(VectorPlace(url)).get(SPACE, keys)
            assert set(found) <= set(vectors)
            n_sound.append(len(found))
    assert min(n_sound) == 0
    assert max(n_sound) == 4
    file.write_bytes(whole)
    cache = open_vectors(VectorPlace(url))
    assert cache.get(SPACE, keys) == vectors
    file.write_bytes(whole[: len(whole) // 3])  # while it is open
    assert set(cache.get(SPACE, keys)) <= set(vectors)
    cache.put(SPACE, vectors)
    assert cache.get(SPACE, keys) == vectors
