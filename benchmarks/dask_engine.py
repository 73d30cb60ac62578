"""What does a Dask cluster cost beside one machine, and what does it save the clusterer in memory?

Writes made vectors (see embeddings.py) into Parquet files, and has one run of them done in a process of its
own: first by this machine alone, then with workers on it. Prints one JSON line: seconds of both and of their
stages, their ratio, also of processor seconds (what counts on a busy machine), whether the results have the
same bytes, and the highest resident memory of the process that does the run and of the workers.

    .venv/bin/python benchmarks/dask_engine.py [--vectors 84495] [--workers 2] [--clusters 2:10]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from hashlib import blake2b
from pathlib import Path

import numpy as np
import psutil
from full_size import PARTS, make_parts

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from dask_clusters import DaskParts, running_parts
from memory import MIB
from octcluster_clusterer.engine.dask_engine import DaskEngine
from octcluster_clusterer.engine.engine import Engine, LocalEngine
from octcluster_clusterer.engine.scheduler_place import SchedulerPlace
from octcluster_clusterer.model import Algorithm, Members, Preparation, RunSpec, Stage, VectorSpace
from octcluster_clusterer.runs.pipeline import run_pipeline
from octcluster_clusterer.runs.stage_costs import StageCosts
from octcluster_clusterer.store.opening import VectorPlace, open_vectors

DIMENSIONS = PARTS["blocks"]
SPACE = VectorSpace(b"b" * 32, sum(DIMENSIONS))
ROWS_AT_ONCE = 8192


def make_keys(count: int) -> np.ndarray:
    """Image keys: uint8, shape (count, 32)."""
    return np.random.default_rng(0).integers(0, 256, (count, 32), dtype=np.uint8)


def fill(url: str, count: int) -> None:
    """Writes the vectors."""
    vectors, keys, store = make_parts(count, DIMENSIONS), make_keys(count), open_vectors(VectorPlace(url))
    for start in range(0, count, ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        store.put(SPACE, [(k.tobytes(), v.tobytes()) for k, v in zip(keys[rows], vectors[rows], strict=True)])
    store.close()


def run(url: str, count: int, clusters: tuple[int, int], scheduler: str) -> dict[str, object]:
    """Does the run in this process, with the scheduler if there is one."""
    vectors, keys = open_vectors(VectorPlace(url)), make_keys(count)
    engine: Engine = DaskEngine(SchedulerPlace(scheduler), vectors) if scheduler else LocalEngine(vectors)
    preparation = Preparation(
        pca=48,
        whiten=True,
        part_dimensions=DIMENSIONS,
        whiten_within_patients="auto",
        normalize_prepared=True,
    )
    spec = RunSpec("0" * 32, SPACE, preparation, [Algorithm.KMEANS], *clusters, 0)
    members = Members(keys, None, (np.arange(count) // 4).astype(np.int32))
    costs, before, began = StageCosts(), time.process_time(), time.monotonic()
    with costs.measured(Stage.LOADING):
        blocks = engine.open(SPACE, keys, lambda _done, _total: None)
    result = run_pipeline(blocks, members, spec, lambda *_: None)
    blocks.close()
    digest = blake2b(result.coordinates.tobytes(), digest_size=8)
    for one in result.results:
        digest.update(one.labels.tobytes() + one.silhouettes.tobytes())
    stages = costs.seconds | result.stage_seconds
    peaks = costs.peak_bytes | result.stage_peak_bytes
    return {
        "seconds": round(time.monotonic() - began, 1),
        "processor_seconds": round(time.process_time() - before, 1),
        "stage_seconds": {str(stage): round(seconds, 1) for stage, seconds in stages.items()},
        "peak_mib": round(max(peaks.values()) / MIB),
        "stage_peak_mib": {str(stage): round(peak / MIB) for stage, peak in peaks.items()},
        "pairs": result.duplicates.total_pairs,
        "result": digest.hexdigest(),
    }


def run_beside(*arguments: str) -> dict[str, object]:
    """The same in a process of its own, whose memory holds nothing else."""
    command = [sys.executable, __file__, "--run", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def measure_workers(parts: DaskParts) -> tuple[list[int], float]:
    """Highest resident memory of each worker in MiB, and the processor seconds of all of them."""
    peaks, seconds = [], 0.0
    for worker in parts.workers:
        for process in psutil.Process(worker.pid).children(recursive=True):
            status = Path(f"/proc/{process.pid}/status").read_text()
            if "spawn_main" in " ".join(process.cmdline()):
                peaks.append(int(status.partition("VmHWM:")[2].split()[0]) * 1024 // MIB)
                times = process.cpu_times()
                seconds += times.user + times.system
    return peaks, round(seconds, 1)


def main() -> None:
    """Measures both and prints one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=84_495)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--clusters", default="2:10")
    parser.add_argument("--worker-memory", default="2GiB")
    parser.add_argument("--only-dask", action="store_true", help="for vectors that one machine cannot hold")
    parser.add_argument("--run", nargs=2, metavar=("URL", "SCHEDULER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    first, _, last = options.clusters.partition(":")
    if options.run:
        url, scheduler = options.run
        clusters = (int(first), int(last or first))
        print(json.dumps(run(url, options.vectors, clusters, scheduler.removeprefix("-"))))
        return
    same = [f"--vectors={options.vectors}", f"--clusters={options.clusters}"]
    with tempfile.TemporaryDirectory(prefix="oct-dask-") as folder:
        url = f"file://{folder}/vectors"
        fill(url, options.vectors)
        local = None if options.only_dask else run_beside(url, "", *same)
        (logs := Path(folder, "logs")).mkdir()
        with running_parts(logs, f"--store=parquet --store-url={url}") as parts:
            parts.start_workers(options.workers, f"--memory-limit={options.worker_memory}")
            started = measure_workers(parts)[1]
            dask = run_beside(url, parts.place.address, *same)
            dask["worker_peak_mib"], seconds = measure_workers(parts)
            dask["worker_processor_seconds"] = round(seconds - started, 1)
    report = {"vectors": options.vectors, "workers": options.workers, "local": local, "dask": dask}
    if local is not None:
        report["ratio"] = round(dask["seconds"] / local["seconds"], 2)  # type: ignore[operator]
        spent = dask["processor_seconds"] + dask["worker_processor_seconds"]  # type: ignore[operator]
        report["processor_ratio"] = round(spent / local["processor_seconds"], 2)  # type: ignore[operator]
        report["same_bytes"] = dask["result"] == local["result"]
    print(json.dumps(report))


if __name__ == "__main__":
    main()
