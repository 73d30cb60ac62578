"""One contract for every engine: memory of this process, and a real Dask cluster of 1, 2 and 3 workers."""

import os
from collections.abc import Iterator

import numpy as np
import pytest
from dask_clusters import DaskParts
from numpy.typing import NDArray
from octcluster_clusterer.engine.blocks import BLOCK_ROWS, Blocks
from octcluster_clusterer.engine.dask_engine import DaskEngine
from octcluster_clusterer.engine.engine import Engine, LocalEngine
from octcluster_clusterer.errors import RunCancelled, VectorsMissing
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.preparation.block_steps import (
    add_moments,
    center_block,
    find_moments,
    join_columns,
    measure_columns,
    scale_columns,
    scale_parts,
    sum_squares,
    take_columns,
)
from octcluster_clusterer.store.opening import VectorPlace, open_vectors
from octcluster_clusterer.store.vectors import VectorCache
from stores import Store

pytestmark = pytest.mark.heavy

DIMENSION = 24
N_ROWS = 2 * BLOCK_ROWS + 500
SPACE = VectorSpace(b"s" * 32, DIMENSION)
PARTS = [slice(0, 16), slice(16, 24)]


def nothing(done: int = 0, total: int = 0) -> None:
    pass


@pytest.fixture(scope="module")
def vectors(dask_store: Store) -> VectorCache:
    return open_vectors(VectorPlace(dask_store.url))


@pytest.fixture(scope="module")
def keys() -> NDArray[np.uint8]:
    return np.frombuffer(os.urandom(32 * N_ROWS), dtype=np.uint8).reshape(-1, 32)


@pytest.fixture(scope="module")
def matrix(vectors: VectorCache, keys: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = np.random.default_rng(0).standard_normal((N_ROWS, DIMENSION), dtype=np.float32) + 1
    vectors.put(SPACE, [(key.tobytes(), row.tobytes()) for key, row in zip(keys, values, strict=True)])
    return values


@pytest.fixture(scope="module", params=["local", "dask-1", "dask-2", "dask-3"])
def engine(
    request: pytest.FixtureRequest, vectors: VectorCache, matrix: NDArray[np.float32], dask_parts: DaskParts
) -> Engine:
    """There are three blocks: one worker has all, one of two has two, or each of three has one."""
    kind, _, count = request.param.partition("-")
    if kind == "local":
        return LocalEngine(vectors)
    dask_parts.start_workers(int(count) - len(dask_parts.workers))
    return DaskEngine(dask_parts.place, vectors)


@pytest.fixture
def blocks(engine: Engine, keys: NDArray[np.uint8]) -> Iterator[Blocks]:
    opened = engine.open(SPACE, keys, nothing)
    yield opened
    opened.close()


def compute(blocks: Blocks) -> list[NDArray[np.floating]]:
    """Steps, a sum up the tree, and single rows, as a preparation has them."""
    blocks = blocks.then(scale_parts, PARTS, report_step=nothing)
    columns = blocks.reduce(measure_columns, join_columns, report_step=nothing)
    blocks = blocks.then(center_block, columns.sums / N_ROWS, np.ones(DIMENSION), report_step=nothing)
    moments = blocks.reduce(find_moments, add_moments, PARTS, report_step=nothing)
    rows = blocks.take(np.array([N_ROWS - 1, 0, BLOCK_ROWS]), slice(3, 9))
    return [columns.sums, columns.smallest, columns.largest, *moments, rows, blocks.bring(nothing)]


@pytest.fixture(scope="module")
def expected(vectors: VectorCache, keys: NDArray[np.uint8], matrix: NDArray[np.float32]) -> list[bytes]:
    blocks = LocalEngine(vectors).open(SPACE, keys, nothing)
    return [values.tobytes() for values in compute(blocks)]


def test_the_vectors_come_in_the_members_order(blocks: Blocks, matrix: NDArray[np.float32]) -> None:
    assert (blocks.n_rows, blocks.dimension) == matrix.shape
    np.testing.assert_array_equal(blocks.bring(nothing), matrix)


def test_every_engine_computes_the_same_bits(blocks: Blocks, expected: list[bytes]) -> None:
    assert [values.tobytes() for values in compute(blocks)] == expected


def test_each_block_is_mapped_with_its_rows(blocks: Blocks, matrix: NDArray[np.float32]) -> None:
    found = list(blocks.map(sum_squares, report_step=nothing))
    assert [rows.start for rows, _ in found] == [0, BLOCK_ROWS, 2 * BLOCK_ROWS]
    for rows, squares in found:
        np.testing.assert_allclose(squares, np.square(matrix[rows], dtype=np.float64).sum(axis=0))


def test_derived_vectors_are_made_once_and_may_use_the_others_up(
    blocks: Blocks, matrix: NDArray[np.float32]
) -> None:
    narrow = blocks.derive(take_columns, slice(2, 7), width=5, report_step=nothing)
    narrow = narrow.then(scale_columns, np.arange(5, dtype=np.float32), report_step=nothing)
    expected = matrix[:, 2:7] * np.arange(5, dtype=np.float32)
    rows = np.array([N_ROWS - 1, 3, BLOCK_ROWS, 3])
    np.testing.assert_array_equal(narrow.take(rows, slice(1, 3)), expected[rows, 1:3])
    np.testing.assert_array_equal(narrow.take(rows), expected[rows])
    np.testing.assert_array_equal(narrow.keep(nothing).bring(nothing), expected)
    np.testing.assert_array_equal(blocks.bring(nothing), matrix)
    last = blocks.derive(take_columns, slice(0, 20), width=20, use_up=True, report_step=nothing)
    np.testing.assert_array_equal(last.bring(nothing), matrix[:, :20])


def test_missing_vectors_are_counted_over_all_blocks(engine: Engine, keys: NDArray[np.uint8]) -> None:
    strange = keys.copy()
    strange[[5, BLOCK_ROWS + 5, BLOCK_ROWS + 6]] = 0
    with pytest.raises(VectorsMissing, match=rf"^3 of {N_ROWS} members .* \(3 not there"):
        engine.open(SPACE, strange, nothing)


def test_progress_rises_and_a_cancellation_gets_through(engine: Engine, keys: NDArray[np.uint8]) -> None:
    seen: list[int] = []
    engine.open(SPACE, keys, lambda done, total: seen.append(done)).close()
    assert seen == sorted(seen)
    assert seen[-1] == N_ROWS

    def cancel(done: int, total: int) -> None:
        raise RunCancelled("stop")

    with pytest.raises(RunCancelled):
        engine.open(SPACE, keys, cancel)
    opened = engine.open(SPACE, keys, nothing)
    with pytest.raises(RunCancelled):
        opened.reduce(measure_columns, join_columns, report_step=lambda: cancel(0, 0))
    opened.close()
    opened.close()
