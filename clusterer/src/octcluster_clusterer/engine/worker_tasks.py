"""What a Dask worker does with one block: all of it is in the installed package, and no code travels."""

import platform
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, reduce
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from distributed import WorkerPlugin, get_worker
from distributed.worker import Worker
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from octcluster_clusterer.engine.kept_blocks import KeptBlocks
from octcluster_clusterer.errors import EngineUnavailable, VectorsMissing
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.opening import VectorPlace, open_vectors
from octcluster_clusterer.store.vectors import VectorCache
from octcluster_clusterer.tiles import limit_threads

_PLUGIN = "octcluster"
_KEPT_SHARE = 0.3
"""Of a worker's memory, for blocks as they were read; the rest is for work on them."""
_NO_PLUGIN = "a Dask worker was not started by octcluster-dask-worker, and cannot find the vectors: stop it"


@dataclass(frozen=True)
class StoredRows:
    """Where the rows of a block are read from, whenever they are needed.

    Attributes:
        space: Space of the vectors.
        image_keys: uint8, shape (n_rows, 32).
        run: Tells runs apart, and
        number: blocks of a run: what a worker keeps of one is for that one alone.
    """

    space: VectorSpace
    image_keys: NDArray[np.uint8]
    run: str = ""
    number: int = 0

    def load(self, vectors: VectorCache) -> NDArray[np.float32]:
        """Reads them: float32, shape (n_rows, dimension)."""
        return vectors.load(self.space, self.image_keys, lambda _done, _total: None)


Source = StoredRows | list[NDArray[np.float32]]
"""What blocks are made of: stored rows, which are one block, or blocks that a worker holds."""


@dataclass(frozen=True)
class Step:
    """A function of the package with the arguments that all blocks have in common."""

    function: Callable[..., Any]
    common: Sequence[object] = ()

    def do(self, block: NDArray[np.float32], *each: object) -> Any:
        """Applies the function to a block."""
        return self.function(block, *self.common, *each, report_step=_go_on)


class VectorsPlugin(WorkerPlugin):
    """What ``octcluster-dask-worker`` gives to its workers: where the vectors are, and one thread a task."""

    name = _PLUGIN

    def __init__(self, place: VectorPlace) -> None:
        """Opens the vectors at ``place``, in the worker's own process."""
        self._place = place

    def setup(self, worker: Worker) -> None:
        """Opens the vectors, and has BLAS and tiles use one thread: tasks side by side are the workers'."""
        threadpool_limits(limits=1)
        limit_threads(1)
        self._vectors = open_vectors(self._place)
        limit = worker.memory_manager.memory_limit or 0
        self._kept = KeptBlocks(int(_KEPT_SHARE * limit))

    def teardown(self, worker: Worker) -> None:
        """Closes them."""
        self._vectors.close()

    def forget(self, run: str) -> None:
        """Gives up what is kept of a run."""
        self._kept.forget(run)

    def load(self, rows: StoredRows, *, to_change: bool) -> NDArray[np.float32]:
        """The rows of a block: float32, shape (n_rows, dimension)."""
        return self._kept.find(rows.run, rows.number, lambda: rows.load(self._vectors), to_change=to_change)


@cache
def describe_installation() -> str:
    """What must be equal where blocks of one run are computed: this package's code and its arithmetic."""
    root = Path(__file__).parents[1]
    digest = blake2b(digest_size=8)
    for file in sorted(root.rglob("*.py")):
        digest.update(f"{file.relative_to(root)}".encode() + file.read_bytes())
    return (
        f"octcluster-clusterer {digest.hexdigest()}, NumPy {np.__version__}, SciPy {scipy.__version__}, "
        f"Python {'.'.join(platform.python_version_tuple()[:2])}"
    )


def hold(value: object) -> object:
    """Holds a value on the workers; it is held anew where a worker is lost."""
    return value


def count_faults(rows: StoredRows, installation: str) -> list[Counter[str]]:
    """Reads the rows of a block, and counts the vectors that are missing or not sound."""
    try:
        next(_read(rows, installation, to_change=False))
    except VectorsMissing as error:
        return [Counter(error.faults)]
    return [Counter()]


def do_steps(source: Source, installation: str, each: Sequence[object] | None, *steps: Step) -> list[Any]:
    """Does steps in place to each block of a source, and lists what the last one gives.

    Args:
        source: The blocks.
        installation: What the clusterer has, see ``describe_installation``.
        each: One more argument of the last step for each block, if there is one.
        steps: One at least.
    """
    return list(_give(source, installation, each, steps))


def fold_steps(
    source: Source,
    installation: str,
    each: Sequence[object] | None,
    combine: Callable[[Any, Any], Any],
    *steps: Step,
) -> Any:
    """Does what ``do_steps`` does, and folds what it would list, one after the other."""
    return reduce(combine, _give(source, installation, each, steps))


def join(*sources: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """The blocks of several sources, one after the other."""
    return [block for source in sources for block in source]


def take_rows(source: list[NDArray[np.float32]], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Some rows of held blocks, which are numbered on from block to block; all but the last are alike."""
    blocks, places = np.divmod(rows, len(source[0]))
    taken = np.empty((len(rows), source[0].shape[1]), dtype=np.float32)
    for number in np.unique(blocks):
        own = blocks == number
        taken[own] = source[number][places[own]]
    return taken


async def forget(run: str, dask_worker: Worker) -> None:
    """Has a worker forget the raw blocks of a run. A coroutine: only for such does Dask not wait."""
    plugin = dask_worker.plugins.get(_PLUGIN)
    if isinstance(plugin, VectorsPlugin):
        plugin.forget(run)


def fold(combine: Callable[[Any, Any], Any], first: Any, *others: Any) -> Any:
    """Folds values, one after the other; leaves them as they are, for they may be needed again."""
    total = deepcopy(first)
    for more in others:
        total = combine(total, more)
    return total


def _give(
    source: Source, installation: str, each: Sequence[object] | None, steps: Sequence[Step]
) -> Iterator[Any]:
    for number, block in enumerate(_read(source, installation, to_change=len(steps) > 1)):
        for step in steps[:-1]:
            step.do(block)
        yield steps[-1].do(block, *(() if each is None else (each[number],)))


def _read(source: Source, installation: str, *, to_change: bool) -> Iterator[NDArray[np.float32]]:
    own = describe_installation()
    if own != installation:
        raise EngineUnavailable(
            f"a Dask worker has {own}, and the clusterer has {installation}: install the same packages in "
            "both, and start the workers again"
        )
    plugin = get_worker().plugins.get(_PLUGIN)
    if not isinstance(plugin, VectorsPlugin):
        raise EngineUnavailable(_NO_PLUGIN)
    if isinstance(source, StoredRows):
        yield plugin.load(source, to_change=to_change)
        return
    for block in source:
        # What travels between workers cannot be written.
        yield block.copy() if to_change else block


def _go_on() -> None:
    """Workers report nothing: the clusterer counts the blocks that are done."""
