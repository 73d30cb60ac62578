"""Runs of the default recipe on made vectors in Parquet, for the benchmarks of the Dask engine.

Each run has a store for runs, a clusterer and, on Dask, a scheduler and workers of its own, all real
processes on this machine. What is told of memory is the kernel's own highest value (VmHWM) of each process.
"""

import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import psutil
from made_store import DIMENSIONS, SPACE, MadeStore, find_members
from memory import MIB
from numpy.typing import NDArray
from octcluster.clients.clusterer import ClustererClient
from octcluster.model.recipes import DEFAULT_RECIPE
from octcluster.model.results import RunResult
from octcluster.model.runs import EmbeddingSpace, Member, RunSpec, RunState
from octcluster.workflows.run import default_stability_resamples
from sklearn.metrics import adjusted_rand_score

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from dask_clusters import DaskParts, running_parts
from processes import running_service
from stores import started_store

SPACE_OF_RUN = EmbeddingSpace(
    model="efficientnet-lite0",
    weights_digest="0" * 64,
    preprocessing_version="benchmark",
    features="blocks",
    data_type=SPACE.data_type.value,
    dimension=SPACE.dimension,
    digest=SPACE.digest,
    part_dimensions=DIMENSIONS,
)


@dataclass(frozen=True)
class Work:
    """What is measured.

    Attributes:
        count: Number of vectors.
        clusters: Smallest and largest number of clusters.
        umap: Whether there shall be a map.
        workers: Number of workers; 0: the clusterer works alone.
        worker_memory: Limit of each worker.
        clusterer_flags: More flags of the clusterer.
    """

    count: int
    clusters: tuple[int, int] = (2, 10)
    umap: bool = True
    workers: int = 2
    worker_memory: str = "2GiB"
    clusterer_flags: Sequence[str] = ()


class Watch:
    """Follows processes until it is stopped: highest memory and processor seconds of each, by its name."""

    def __init__(self, list_processes: Callable[[], dict[str, list[psutil.Process]]]) -> None:
        """Follows what ``list_processes`` returns by name: a name may have another process after a while."""
        self._list = list_processes
        self._peaks: dict[str, dict[int, int]] = {}
        self._seconds: dict[str, dict[int, float]] = {}
        self._stop = threading.Event()
        self._look()
        self._before = {name: sum(each.values()) for name, each in self._seconds.items()}
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def stop(self) -> dict[str, dict[str, float]]:
        """What was seen: ``peak_mib``, ``processor_seconds`` and ``restarts`` of each name."""
        self._stop.set()
        self._thread.join()
        self._look()
        return {
            name: {
                "peak_mib": round(max(self._peaks[name].values()) / MIB),
                "processor_seconds": round(
                    sum(self._seconds[name].values()) - self._before.get(name, 0.0), 1
                ),
                "restarts": len(self._peaks[name]) - 1,
            }
            for name in self._peaks
        }

    def _follow(self) -> None:
        while not self._stop.wait(0.5):
            self._look()

    def _look(self) -> None:
        for name, processes in self._list().items():
            for process in processes:
                with contextlib.suppress(psutil.Error, OSError, IndexError):
                    status = Path(f"/proc/{process.pid}/status").read_text()
                    peak = 1024 * int(status.partition("VmHWM:")[2].split()[0])
                    times = process.cpu_times()
                    spent = times.user + times.system + times.children_user + times.children_system
                    self._peaks.setdefault(name, {})[process.pid] = peak
                    self._seconds.setdefault(name, {})[process.pid] = spent


def list_computing(worker_id: int) -> list[psutil.Process]:
    """The process of a worker that computes; the one that watches it is its parent."""
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(worker_id).children(recursive=True)
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    return []


@contextmanager
def started_parts(store: MadeStore, work: Work) -> Iterator[DaskParts]:
    """Runs a scheduler and workers until the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="oct-dask-") as logs,
        running_parts(Path(logs), f"--store=parquet --store-url={store.url}") as parts,
    ):
        parts.start_workers(work.workers, f"--memory-limit={work.worker_memory}")
        yield parts


def measure_run(store: MadeStore, work: Work) -> tuple[dict[str, object], list[NDArray[np.int32]]]:
    """Does one run.

    Returns:
        What was measured; and the clusters of each result: int32, shape (count,).
    """
    with ExitStack() as stack:
        runs = stack.enter_context(started_store("valkey"))
        flags = [*runs.settings, "--store=parquet", f"--store-url={store.url}", *work.clusterer_flags]
        parts = stack.enter_context(started_parts(store, work)) if work.workers else None
        if parts is not None:
            flags += ["--engine=dask", f"--dask-scheduler={parts.place.address}"]
        service = stack.enter_context(running_service("octcluster_clusterer", *flags))
        client = stack.enter_context(ClustererClient(service.address))
        watch = Watch(lambda: _list_processes(service.process.pid, parts))
        spec, members, groups = _describe(work)
        began = time.monotonic()
        status = client.wait(client.start_run(spec, members).run_id)
        seconds = time.monotonic() - began
        if status.state is not RunState.SUCCEEDED:
            raise SystemExit(f"the run failed: {status.error_message}\n{service.log}")
        result = client.result(status.run_id)
        label_sets, digest = _fetch(client, status.run_id, result)
        watched = watch.stop()
    measured = {
        "vectors": work.count,
        "workers": work.workers,
        "seconds": round(seconds, 1),
        "processor_seconds": round(sum(one["processor_seconds"] for one in watched.values()), 1),
        "stage_seconds": {stage: round(value, 1) for stage, value in result.stage_seconds.items()},
        "stage_peak_mib": {stage: round(peak / MIB) for stage, peak in result.stage_peak_bytes.items()},
        "processes": watched,
        "chosen": result.chosen_reason,
        "near_duplicates": result.duplicates.total_pairs,
        "umap_missing_reason": result.umap_missing_reason,
        "agreement_with_groups": round(adjusted_rand_score(groups, label_sets[result.chosen]), 4),
        "result": digest,
    }
    return measured, label_sets


def _describe(work: Work) -> tuple[RunSpec, list[Member], NDArray[np.int32]]:
    """The default recipe as ``octcluster run`` asks for it, its members, and the group of each."""
    members, groups = find_members(work.count)
    preparation = replace(DEFAULT_RECIPE.preparation_for(work.count), part_dimensions=DIMENSIONS)
    spec = RunSpec(
        SPACE_OF_RUN,
        preparation,
        DEFAULT_RECIPE.algorithms,
        *work.clusters,
        stability_resamples=default_stability_resamples(work.count),
        umap=work.umap,
    )
    assert members.patient_indices is not None
    columns = zip(members.image_keys, members.patient_indices.tolist(), strict=True)
    return spec, [Member(key.tobytes(), patient_index=patient) for key, patient in columns], groups


def _fetch(client: ClustererClient, run_id: str, result: RunResult) -> tuple[list[NDArray[np.int32]], str]:
    """The clusters of each result, and a digest of all that is told of each member."""
    label_sets, digest = [], blake2b(digest_size=8)
    for index in range(len(result.results)):
        told = client.assignments(run_id, index)
        label_sets.append(np.array(told.clusters, dtype=np.int32))
        digest.update(label_sets[-1].tobytes())
        for column in (told.silhouettes, told.distances, told.x, told.y, told.umap_x, told.umap_y):
            digest.update(np.array(column, dtype=np.float64).tobytes())
    return label_sets, digest.hexdigest()


def _list_processes(clusterer_id: int, parts: DaskParts | None) -> dict[str, list[psutil.Process]]:
    listed = {"clusterer": [psutil.Process(clusterer_id)]}
    if parts is not None:
        listed["scheduler"] = [psutil.Process(parts.scheduler.pid)]
        for number, worker in enumerate(parts.workers):
            listed[f"worker {number}"] = list_computing(worker.pid)
    return listed
