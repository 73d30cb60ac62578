"""Blocks that Dask workers read from the vector store whenever they are at work on them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.engine.blocks import ReportStep, find_bounds
from octcluster_clusterer.engine.dask_cluster import DaskCluster
from octcluster_clusterer.engine.worker_tasks import (
    Step,
    StoredRows,
    count_faults,
    describe_installation,
    do_steps,
    fold,
    hold,
)
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.fixed_tree import FAN_IN
from octcluster_clusterer.store.vectors import VectorCache

Result = TypeVar("Result")


class DaskBlocks:
    """``Blocks`` on a cluster. Steps are done anew each time a block is read: no worker holds raw vectors."""

    matrix = None

    def __init__(
        self,
        cluster: DaskCluster,
        vectors: VectorCache,
        rows: StoredRows,
        most_room_bytes: int,
        report_step: ReportStep,
    ) -> None:
        """Hands the image keys of each block to the cluster.

        Args:
            cluster: Connected; closed with the blocks.
            vectors: Where this process reads single rows.
            rows: All rows.
            most_room_bytes: Largest matrix that this process may hold.
            report_step: Called often.
        """
        self.n_rows, self.dimension = len(rows.image_keys), rows.space.dimension
        self._cluster = cluster
        self._vectors = vectors
        self._rows = rows
        self._most_room_bytes = most_room_bytes
        self._steps: list[Step] = []
        self._held_steps: list[Any] = []
        self._sources = []
        run = uuid4().hex
        for number, bounds in enumerate(find_bounds(self.n_rows)):
            own = StoredRows(rows.space, rows.image_keys[bounds], run, number)
            self._sources.append(cluster.submit(hold, own))
            report_step()

    def count_faults(self, report_step: ReportStep) -> Iterator[tuple[slice, dict[str, int]]]:
        """Counts the members without a sound vector in each block, by fault."""
        installation = describe_installation()
        tasks = [self._cluster.submit(count_faults, source, installation) for source in self._sources]
        yield from self._bring(tasks, report_step)

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
        yield from self._bring(self._submit(function, common, each), report_step)

    def reduce(
        self,
        function: Callable[..., Result],
        combine: Callable[[Result, Result], Result],
        *common: object,
        report_step: ReportStep,
    ) -> Result:
        """Applies a function to each block, and folds what it returns up a fixed tree, on the workers."""
        tasks = self._submit(function, common, None)
        while len(tasks) > 1:
            groups = [tasks[start : start + FAN_IN] for start in range(0, len(tasks), FAN_IN)]
            tasks = [
                self._cluster.submit(fold, combine, *group) if len(group) > 1 else group[0]
                for group in groups
            ]
        result: Result = self._cluster.bring(tasks[0], report_step)
        return result

    def take(self, rows: NDArray[np.int64], columns: slice = slice(None)) -> NDArray[np.float32]:
        """Reads some rows here, and does the steps to them."""
        taken = StoredRows(self._rows.space, self._rows.image_keys[rows]).load(self._vectors)
        for step in self._steps:
            step.do(taken)
        return taken[:, columns]

    def make_room(self, width: int) -> NDArray[np.float32]:
        """A matrix of its own; raises InvalidRequest if it is larger than this process allows."""
        if 4 * self.n_rows * width > self._most_room_bytes:
            raise InvalidRequest(
                f"{self.n_rows} prepared vectors of {width} values do not fit into the memory allowed "
                "(--memory-limit of the clusterer): ask for fewer components (--pca), or take fewer images"
            )
        return np.empty((self.n_rows, width), dtype=np.float32)

    def close(self) -> None:
        """Cancels what is at work, and leaves the cluster."""
        self._sources, self._held_steps = [], []
        self._cluster.close()

    def _submit(
        self, function: Callable[..., Any], common: Sequence[object], each: Sequence[object] | None
    ) -> list[Any]:
        installation = describe_installation()
        steps = [*self._held_steps, self._cluster.submit(hold, Step(function, common))]
        return [
            self._cluster.submit(
                do_steps, source, installation, () if each is None else (each[number],), *steps
            )
            for number, source in enumerate(self._sources)
        ]

    def _bring(self, tasks: list[Any], report_step: ReportStep) -> Iterator[tuple[slice, Any]]:
        tasks.reverse()
        for bounds in find_bounds(self.n_rows):
            # The task is given up once its result is here, so that its worker can forget it.
            yield bounds, self._cluster.bring(tasks.pop(), report_step)
