"""The map by UMAP: its graph against umap-learn's own, its layout, and what happens where there is none."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import umap_graph
from known import known
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import RunCancelled
from octcluster_clusterer.mapping import placement
from octcluster_clusterer.mapping.layout_client import LayoutClient
from octcluster_clusterer.mapping.mapper import Mapper, NeighborMap, started_mapper
from octcluster_clusterer.mapping.neighbor_graph import NEIGHBORS, join_neighbors
from octcluster_clusterer.memory import MemoryAllowance
from octcluster_clusterer.model import Algorithm, Members, Preparation, RunSpec, Stage, VectorSpace
from octcluster_clusterer.runs.memory_estimate import estimate_run_bytes, find_map_obstacle
from octcluster_clusterer.runs.pipeline import run_pipeline

pytestmark = pytest.mark.heavy

N, DIMENSION = 240, 12
SPEC = RunSpec(
    "0" * 32, VectorSpace(bytes(32), DIMENSION), Preparation(), [Algorithm.KMEANS], 4, 4, 0, umap=True
)


def make_groups(n: int = N, n_groups: int = 4) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    groups = np.arange(n) % n_groups
    vectors = 4 * random.standard_normal((n_groups, DIMENSION))[groups] + random.standard_normal(
        (n, DIMENSION)
    )
    return (vectors - vectors.mean(axis=0)).astype(np.float32), groups


def nothing(*_: object) -> None:
    pass


def find_map(
    layouts: LayoutClient, vectors: np.ndarray, seed: int = 0, report: Callable[[int, int], None] = nothing
) -> NeighborMap:
    mapper = Mapper(layouts)
    mapper.begin(MemoryBlocks(vectors), vectors[:, :2], seed, nothing)
    return mapper.finish(MemoryBlocks(vectors), report)


@pytest.fixture(scope="module")
def layouts() -> Iterator[LayoutClient]:
    with LayoutClient() as client:
        yield client


def test_the_graph_is_that_of_umap_learn(tmp_path: Path) -> None:
    vectors, _ = make_groups()
    squares = ((vectors[:, np.newaxis].astype(np.float64) - vectors) ** 2).sum(axis=2)
    np.fill_diagonal(squares, -1)
    nearest = np.argsort(squares, axis=1, kind="stable")[:, :NEIGHBORS].astype(np.int32)
    distances = np.sqrt(np.maximum(np.take_along_axis(squares, nearest, axis=1), 0)).astype(np.float32)
    given, answer = tmp_path / "given.npz", tmp_path / "answer.npz"
    np.savez(given, vectors=vectors, indices=nearest, distances=distances)
    command = [sys.executable, umap_graph.__file__, str(given), str(answer)]
    subprocess.run(command, check=True, env={**os.environ, "NUMBA_DISABLE_JIT": "1"})
    graph = join_neighbors(vectors, nothing)
    np.testing.assert_allclose(graph.toarray(), np.load(answer)["graph"], atol=1e-4)


def test_groups_stay_together_and_apart(layouts: LayoutClient) -> None:
    vectors, groups = make_groups()
    told: list[tuple[int, int]] = []
    found = find_map(layouts, vectors, report=lambda *rounds: told.append(rounds))
    assert found.missing_reason == ""
    assert found.coordinates is not None
    assert found.coordinates.shape == (N, 2)
    assert found.coordinates.dtype == np.float32
    squares = ((found.coordinates[:, np.newaxis] - found.coordinates) ** 2).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    assert (groups[squares.argmin(axis=1)] == groups).all()
    assert told[-1] == (500, 500)
    assert told == sorted(told, key=lambda rounds: rounds[0])


def test_of_many_a_sample_is_laid_out_and_all_others_join_their_group(
    layouts: LayoutClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "WHOLE_MEMBERS", 300)
    monkeypatch.setattr(placement, "SAMPLED_MEMBERS", 120)
    vectors, groups = make_groups(1200)
    found = find_map(layouts, vectors)
    assert found.sampled_members == 120
    assert found.coordinates is not None
    sample = known(placement.draw_laid_out(1200, 0))
    alone = find_map(layouts, vectors[sample])
    assert alone.sampled_members is None
    np.testing.assert_array_equal(found.coordinates[sample], alone.coordinates)
    squares = ((found.coordinates[:, np.newaxis] - found.coordinates) ** 2).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    assert (groups[squares.argmin(axis=1)] == groups).mean() > 0.99


def test_the_seed_decides(layouts: LayoutClient) -> None:
    vectors, _ = make_groups()
    one, again, other = (find_map(layouts, vectors, seed).coordinates for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(known(one), known(other))


@pytest.mark.parametrize("n", [4, 20])
def test_few_and_equal_members_have_places(layouts: LayoutClient, n: int) -> None:
    vectors = np.zeros((n, DIMENSION), dtype=np.float32)
    found = find_map(layouts, vectors)
    assert found.coordinates is not None
    assert np.isfinite(found.coordinates).all()


def test_a_run_has_a_map_if_it_asks_for_one() -> None:
    vectors, _ = make_groups(40)
    members = Members(np.zeros((40, 32), dtype=np.uint8), None)
    stages: list[Stage] = []
    plain = run_pipeline(MemoryBlocks(vectors.copy()), members, replace(SPEC, umap=False), nothing)
    mapped = run_pipeline(
        MemoryBlocks(vectors.copy()), members, SPEC, lambda stage, done, total: stages.append(stage)
    )
    assert (plain.umap_coordinates, plain.umap_missing_reason) == (None, "")
    assert Stage.MAPPING not in plain.stage_seconds
    assert mapped.umap_coordinates is not None
    assert mapped.umap_coordinates.shape == (40, 2)
    assert stages[-1] is list(mapped.stage_seconds)[-1] is Stage.MAPPING
    np.testing.assert_array_equal(mapped.results[0].labels, plain.results[0].labels)


def test_a_cancelled_run_leaves_no_process() -> None:
    vectors, _ = make_groups(40)
    before = psutil.Process().children()

    def cancel(stage: Stage, done: int, total: int) -> None:
        if stage is Stage.MAPPING:
            assert len(psutil.Process().children()) == len(before) + 1
            raise RunCancelled

    with pytest.raises(RunCancelled):
        run_pipeline(MemoryBlocks(vectors), Members(np.zeros((40, 32), dtype=np.uint8), None), SPEC, cancel)
    assert psutil.Process().children() == before


def test_a_process_that_dies_costs_the_map_only() -> None:
    vectors, _ = make_groups(40)
    before = {process.pid for process in psutil.Process().children()}

    def kill(stage: Stage, done: int, total: int) -> None:
        if stage is Stage.CLUSTERING:
            for process in psutil.Process().children():
                if process.pid not in before:
                    process.kill()

    result = run_pipeline(
        MemoryBlocks(vectors), Members(np.zeros((40, 32), dtype=np.uint8), None), SPEC, kill
    )
    assert result.umap_coordinates is None
    assert "the process that computes it ended" in result.umap_missing_reason
    assert len(result.results) == 1


@pytest.mark.parametrize(
    ("n", "limit", "reason"),
    [
        (3, None, "at least 4 images"),
        (40, estimate_run_bytes(SPEC, 40) + 2**20, r"with UMAP .* GiB of memory.*--memory-limit"),
    ],
)
def test_without_a_map_there_is_a_reason_and_no_process(n: int, limit: int | None, reason: str) -> None:
    before = psutil.Process().children()
    obstacle = "" if limit is None else find_map_obstacle(SPEC, n, MemoryAllowance(limit, 0))
    with started_mapper(SPEC.umap, n, obstacle) as mapper:
        assert psutil.Process().children() == before
        vectors = np.zeros((n, 2), dtype=np.float32)
        mapper.begin(MemoryBlocks(vectors), vectors, 0, nothing)
        found = mapper.finish(MemoryBlocks(vectors), nothing)
    assert found.coordinates is None
    assert re.search(reason, found.missing_reason)


def test_the_first_map_compiles_only_what_a_map_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    vectors, _ = make_groups()
    with LayoutClient() as client:
        client.finish(client.begin(vectors, vectors[:, :2], 0), nothing)
    # PyNNDescent, which umap-learn imports, would compile for half a minute.
    assert {folder.name.split("_")[0] for folder in tmp_path.iterdir()} == {"umap"}
    # And keeps for the next process what takes longest.
    assert list(tmp_path.rglob("layouts._optimize_layout_euclidean_single_epoch-*.nbc"))
