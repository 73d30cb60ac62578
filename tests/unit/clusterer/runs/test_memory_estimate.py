"""The estimate of a run's memory: against measured peaks, and what it refuses."""

import json
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.memory import MemoryAllowance
from octcluster_clusterer.model import Algorithm, Members, Preparation, RunSpec, VectorSpace
from octcluster_clusterer.runs.memory_estimate import check_memory, estimate_run_bytes
from octcluster_clusterer.runs.pipeline import run_pipeline

pytestmark = pytest.mark.heavy

GIB = 2**30
RESTING = 230 * 2**20

MEASURE = """
import json, sys

algorithm, n, dimension, counts, preparation, left_out = json.loads(sys.argv[1])

class LeavingOut:  # as if they were not installed
    def find_spec(self, name, path=None, target=None):
        if name in left_out:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, LeavingOut())
from octcluster_clusterer.memory import measure_resident_bytes, return_freed_memory
return_freed_memory()
from octcluster_serving.starting import kept_imports
with kept_imports():
    import numpy as np
    import octcluster_clusterer.serving.server  # what the process at rest holds
    import sklearn.cluster, sklearn.neighbors  # once a run has used them
resting = measure_resident_bytes()
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.runs import stage_costs
from octcluster_clusterer.runs.memory_estimate import estimate_run_bytes
from octcluster_clusterer.runs.pipeline import run_pipeline
from octcluster_clusterer.model import (Members)
from octcluster_clusterer.model import (Algorithm, Preparation, RunSpec, VectorSpace)

random = np.random.default_rng(0)
vectors = random.standard_normal((n, dimension), dtype=np.float32)
for i in range(4):
    vectors[i::4] += random.standard_normal(dimension, dtype=np.float32)
members = Members(random.integers(0, 256, (n, 32), dtype=np.uint8), np.arange(n, dtype=np.int32) % 4)
spec = RunSpec("0" * 32, VectorSpace(bytes(32), dimension), Preparation(**preparation),
               [Algorithm(algorithm)], *counts, 0)
assert stage_costs._forget_peak()
stage_costs._forget_peak = lambda: False  # a stage would forget the peak of those before it
result = run_pipeline(MemoryBlocks(vectors), members, spec, lambda *_: None)
peak = stage_costs._read_peak_bytes()
print(json.dumps([peak, resting + estimate_run_bytes(spec, n, result.prepared_dimension), resting]))
"""


def make_spec(
    algorithm: Algorithm, dimension: int = 1280, counts: tuple[int, int] = (4, 4), **preparation: Any
) -> RunSpec:
    space = VectorSpace(bytes(32), dimension)
    return RunSpec("0" * 32, space, Preparation(**preparation), [algorithm], *counts, 0)


def measure(
    algorithm: str,
    n: int,
    dimension: int,
    counts: tuple[int, int],
    preparation: dict[str, object],
    left_out: list[str],
) -> list[int]:
    """Highest memory of a run, its estimate, and the memory before it, without some libraries."""
    return _measure(json.dumps([algorithm, n, dimension, counts, preparation, left_out]))


@cache
def _measure(arguments: str) -> list[int]:
    answer = subprocess.run([sys.executable, "-c", MEASURE, arguments], check=True, capture_output=True)
    figures: list[int] = json.loads(answer.stdout)
    return figures


@pytest.mark.parametrize(
    ("algorithm", "n", "dimension", "counts", "preparation"),
    [
        ("kmeans", 500, 128, (4, 4), {}),
        ("kmeans", 3000, 2304, (2, 3), {"pca": 32, "whiten": True, "part_dimensions": [1152, 1152]}),
        ("kmeans", 600, 14_000, (4, 4), {"pca": 0.9}),
        ("gmm", 12_000, 400, (3, 3), {}),
        ("minibatch-kmeans", 3100, 8000, (4, 4), {}),
        ("agglomerative", 4000, 64, (4, 4), {}),
        ("spectral", 3000, 256, (4, 4), {}),
        ("hdbscan", 10_000, 16, (2, 2), {}),
    ],
)
def test_the_estimate_is_near_the_measured_peak(
    algorithm: str, n: int, dimension: int, counts: tuple[int, int], preparation: dict[str, object]
) -> None:
    peak, estimate, _ = measure(algorithm, n, dimension, counts, preparation, ["pandas"])  # as in a container
    assert 0.95 * peak < estimate < 1.3 * peak, f"{estimate / 2**20:.0f} MiB for {peak / 2**20:.0f} MiB"


def test_scikit_learn_takes_no_more_than_is_set_aside_for_it() -> None:
    program = (
        "import octcluster_clusterer.serving.server, sys\n"
        "from octcluster_clusterer.memory import SCIKIT_LEARN_BYTES, measure_resident_bytes\n"
        "assert 'sklearn' not in sys.modules, 'a server starts without it'\n"
        "before = measure_resident_bytes()\n"
        "import sklearn.cluster, sklearn.neighbors\n"
        "print(measure_resident_bytes() - before, SCIKIT_LEARN_BYTES)"
    )
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    taken, set_aside = map(int, answer.stdout.split())
    assert taken <= set_aside


def test_the_estimate_follows_what_the_libraries_take() -> None:
    # scikit-learn imports pandas where it is installed, and the clusterer does not need it.
    assert find_spec("pandas"), "the comparison needs it"
    (peak, estimate, resting), (small_peak, small_estimate, small_resting) = (
        measure("kmeans", 500, 128, (4, 4), {}, left_out) for left_out in ([], ["pandas"])
    )
    assert small_resting < resting - 20 * 2**20
    assert 0.95 * peak < estimate < 1.3 * peak
    assert 0.95 * small_peak < small_estimate < 1.3 * small_peak


@pytest.mark.parametrize(
    ("spec", "n_members", "message"),
    [
        (make_spec(Algorithm.KMEANS, 62_720), 84_495, r"20.\d GiB.*62720 values.*--memory-limit.*pooled"),
        (make_spec(Algorithm.AGGLOMERATIVE), 84_495, r"5\d.* GiB.*agglomerative.*kmeans.*--per-class"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_figure_and_the_cure(
    spec: RunSpec, n_members: int, message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        check_memory(spec, n_members, MemoryAllowance(4 * GIB, RESTING))
    check_memory(spec, n_members, MemoryAllowance(100 * GIB, RESTING))


@pytest.mark.parametrize("algorithm", [Algorithm.KMEANS, Algorithm.SPECTRAL, Algorithm.HDBSCAN])
def test_the_whole_data_set_fits_into_three_gigabytes(algorithm: Algorithm) -> None:
    parts = (672, 1152, 1280)
    recipe = {"pca": 64, "whiten": True, "part_dimensions": parts}
    spec = make_spec(algorithm, sum(parts), (2, 10), **recipe)
    check_memory(spec, 84_495, MemoryAllowance(3 * 10**9, RESTING))


def test_what_only_the_preparation_tells_is_checked_after_it() -> None:
    vectors = np.random.default_rng(0).standard_normal((6000, 60), dtype=np.float32)
    spec = make_spec(Algorithm.CONSENSUS, 60, pca=0.99)
    memory = MemoryAllowance(estimate_run_bytes(spec, 6000) + RESTING, RESTING)
    check_memory(spec, 6000, memory)
    members = Members(np.zeros((6000, 32), dtype=np.uint8), None)
    with pytest.raises(InvalidRequest, match="needs about"):
        run_pipeline(MemoryBlocks(vectors), members, spec, lambda *_: None, memory=memory)


def test_what_is_clustered_takes_memory_by_units() -> None:
    spec, memory = make_spec(Algorithm.AGGLOMERATIVE), MemoryAllowance(4 * GIB, RESTING)
    with pytest.raises(InvalidRequest):
        check_memory(spec, 84_495, memory)
    check_memory(spec, 84_495, memory, n_units=4_686)
