"""Blocks on a Dask cluster: raw ones, read from the vector store at each use, and derived ones, held."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import ReportStep, copy_block, find_bounds
from octcluster_clusterer.engine.dask_cluster import DaskCluster
from octcluster_clusterer.engine.worker_tasks import (
    Step,
    StoredRows,
    count_faults,
    describe_installation,
    do_steps,
    fold,
    fold_steps,
    forget,
    hold,
    join,
    take_rows,
)
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.fixed_tree import FAN_IN
from octcluster_clusterer.store.vectors import VectorCache
from octcluster_clusterer.tiles import slices

Result = TypeVar("Result")
_FEW_BLOCKS = FAN_IN**2
"""Up to so many, each has a task of its own; of more, so many as the lowest node of the tree folds."""


class DaskBlocks(ABC):
    """``Blocks`` on a cluster: what both kinds have in common. Steps are noted, and done at each use."""

    matrix = None

    def __init__(self, cluster: DaskCluster, n_rows: int, dimension: int, most_bytes: int) -> None:
        """Has no source yet.

        Args:
            cluster: Connected; closed with the blocks.
            n_rows: Number of rows.
            dimension: Values of a row.
            most_bytes: Largest matrix that this process may hold.
        """
        self.n_rows, self.dimension = n_rows, dimension
        self._cluster = cluster
        self._most_bytes = most_bytes
        self._bounds = find_bounds(n_rows)
        self._steps: list[Step] = []
        self._held_steps: list[Any] = []
        self._sources: list[Any] = []
        self._blocks_a_source = 1

    @abstractmethod
    def take(self, rows: NDArray[np.int64], columns: slice = slice(None)) -> NDArray[np.float32]:
        """Brings some rows here, and does the steps to them."""

    @abstractmethod
    def _let_go(self) -> None:
        """Has the workers forget the vectors."""

    def then(self, step: Callable[..., Any], *common: object, report_step: ReportStep) -> "DaskBlocks":
        """Notes the step."""
        report_step()
        self._steps.append(Step(step, common))
        self._held_steps.append(self._cluster.submit(hold, self._steps[-1]))
        return self

    def map(
        self,
        function: Callable[..., Result],
        *common: object,
        each: Sequence[object] | None = None,
        report_step: ReportStep,
    ) -> Iterator[tuple[slice, Result]]:
        """Applies a function to each block, on the workers."""
        return self._bring(self._submit(do_steps, Step(function, common), each), report_step)

    def reduce(
        self,
        function: Callable[..., Result],
        combine: Callable[[Result, Result], Result],
        *common: object,
        each: Sequence[object] | None = None,
        report_step: ReportStep,
    ) -> Result:
        """Applies a function to each block, and folds what it returns up a fixed tree, on the workers."""
        tasks = self._submit(fold_steps, Step(function, common), each, combine)
        while len(tasks) > 1:
            groups = [tasks[group] for group in slices(len(tasks), FAN_IN)]
            tasks = [
                self._cluster.submit(fold, combine, *group, soon=True) if len(group) > 1 else group[0]
                for group in groups
            ]
        result: Result = self._cluster.bring(tasks[0], report_step)
        return result

    def derive(
        self,
        function: Callable[..., NDArray[np.float32]],
        *common: object,
        width: int,
        use_up: bool = False,
        report_step: ReportStep,
    ) -> "HeldBlocks":
        """Makes another vector of each one, on the workers, which hold it."""
        sources = self._submit(do_steps, Step(function, common), None)
        blocks_a_source = 1 if len(self._bounds) <= _FEW_BLOCKS else FAN_IN
        if self._blocks_a_source < blocks_a_source:
            groups = [sources[group] for group in slices(len(sources), blocks_a_source)]
            sources = [self._cluster.submit(join, *group, soon=True) for group in groups]
        for source in sources:
            self._cluster.await_task(source, report_step)
        if use_up:
            self._sources = []
            self._let_go()
        return HeldBlocks(self._cluster, self.n_rows, width, self._most_bytes, sources, blocks_a_source)

    def keep(self, report_step: ReportStep) -> "HeldBlocks":
        """Has the workers hold the vectors with all steps done."""
        return self.derive(copy_block, width=self.dimension, use_up=True, report_step=report_step)

    def bring(self, report_step: ReportStep) -> NDArray[np.float32]:
        """All vectors, from the workers; raises InvalidRequest if they are more than this process allows."""
        if 4 * self.n_rows * self.dimension > self._most_bytes:
            raise InvalidRequest(
                f"{self.n_rows} vectors of {self.dimension} values must come into the clusterer, and "
                "do not fit into the memory allowed (--memory-limit of the clusterer): choose kmeans, "
                "ask for fewer components (--pca), or take fewer images"
            )
        vectors = np.empty((self.n_rows, self.dimension), dtype=np.float32)
        for rows, block in self.map(copy_block, report_step=report_step):
            vectors[rows] = block
        return vectors

    def close(self) -> None:
        """Cancels what is at work, and leaves the cluster."""
        self._sources, self._held_steps = [], []
        self._cluster.close()

    def _submit(
        self, task: Callable[..., Any], last: Step, each: Sequence[object] | None, *more: object
    ) -> list[Any]:
        """Has a task done with each source: called with it, installation, own arguments, more, and steps."""
        installation = describe_installation()
        steps = [*self._held_steps, self._cluster.submit(hold, last)]
        tasks = []
        for source, blocks in zip(
            self._sources, slices(len(self._bounds), self._blocks_a_source), strict=True
        ):
            own = None if each is None else list(each[blocks])
            tasks.append(self._cluster.submit(task, source, installation, own, *more, *steps))
        return tasks

    def _bring(self, tasks: list[Any], report_step: ReportStep) -> Iterator[tuple[slice, Any]]:
        tasks.reverse()
        for blocks in slices(len(self._bounds), self._blocks_a_source):
            # The task is given up once its result is here, so that its worker can forget it.
            results = self._cluster.bring(tasks.pop(), report_step)
            yield from zip(self._bounds[blocks], results, strict=True)


class StoredBlocks(DaskBlocks):
    """Raw vectors. No worker must hold them; each keeps some of those that it read."""

    def __init__(
        self,
        cluster: DaskCluster,
        vectors: VectorCache,
        rows: StoredRows,
        most_bytes: int,
        report_step: ReportStep,
    ) -> None:
        """Hands the image keys of each block to the cluster.

        Args:
            cluster: As of ``DaskBlocks``, as is ``most_bytes``.
            vectors: Where this process reads single rows.
            rows: All rows.
            most_bytes: As there.
            report_step: Called often.
        """
        super().__init__(cluster, len(rows.image_keys), rows.space.dimension, most_bytes)
        self._vectors = vectors
        self._rows = rows
        self._run = uuid4().hex
        for number, bounds in enumerate(self._bounds):
            own = StoredRows(rows.space, rows.image_keys[bounds], self._run, number)
            self._sources.append(cluster.submit(hold, own))
            report_step()

    def count_faults(self, report_step: ReportStep) -> Iterator[tuple[slice, dict[str, int]]]:
        """Counts the members without a sound vector in each block, by fault."""
        installation = describe_installation()
        tasks = [self._cluster.submit(count_faults, source, installation) for source in self._sources]
        yield from self._bring(tasks, report_step)

    def take(self, rows: NDArray[np.int64], columns: slice = slice(None)) -> NDArray[np.float32]:
        """Reads some rows here, and does the steps to them."""
        taken = StoredRows(self._rows.space, self._rows.image_keys[rows]).load(self._vectors)
        for step in self._steps:
            step.do(taken)
        return taken[:, columns]

    def _let_go(self) -> None:
        self._cluster.tell_workers(forget, self._run)


class HeldBlocks(DaskBlocks):
    """Derived vectors. Each lies on one worker; if that is lost, another one derives it again."""

    def __init__(
        self,
        cluster: DaskCluster,
        n_rows: int,
        dimension: int,
        most_bytes: int,
        sources: list[Any],
        blocks_a_source: int,
    ) -> None:
        """Takes over what is held.

        Args:
            cluster: As of ``DaskBlocks``, as are the next three.
            n_rows: As there.
            dimension: As there.
            most_bytes: As there.
            sources: Tasks, each of which gives some blocks, one after the other.
            blocks_a_source: How many.
        """
        super().__init__(cluster, n_rows, dimension, most_bytes)
        self._sources = sources
        self._blocks_a_source = blocks_a_source
        self._last_taken = (b"", np.empty((0, dimension), dtype=np.float32))

    def take(self, rows: NDArray[np.int64], columns: slice = slice(None)) -> NDArray[np.float32]:
        """Brings some rows from the workers that hold them, and does the steps to them here.

        What was brought last is kept for those who ask for the same rows once more.
        """
        asked = rows.tobytes()
        last, taken = self._last_taken
        if asked != last:
            taken = self._bring_rows(rows)
            self._last_taken = (asked, taken)
        taken = taken.copy()
        for step in self._steps:
            step.do(taken)
        return taken[:, columns]

    def _bring_rows(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        rows_a_source = self._blocks_a_source * (self._bounds[0].stop if self._bounds else 1)
        owners = rows // rows_a_source
        taken = np.empty((len(rows), self.dimension), dtype=np.float32)
        places = [np.flatnonzero(owners == owner) for owner in np.unique(owners)]
        tasks = [
            self._cluster.submit(
                take_rows, self._sources[owners[own[0]]], rows[own] - owners[own[0]] * rows_a_source
            )
            for own in places
        ]
        for own, task in zip(places, tasks, strict=True):
            taken[own] = self._cluster.bring(task, lambda: None)
        return taken

    def _let_go(self) -> None:
        """They were given up with their tasks."""
