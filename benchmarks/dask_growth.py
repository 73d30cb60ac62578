"""How does a run on Dask workers grow with the number of images, up to a million?

Has the default recipe done on more and more made vectors in Parquet (made_store.py; 3104 values each, 12.4 GB
a million), by a real clusterer with a real scheduler and workers. Prints one JSON line: of each run seconds
by stage, processor seconds, and the highest memory of the clusterer, the scheduler and each worker; and, of
several runs, the exponents of growth by least squares on logarithms. Processor seconds are steadier than the
clock on a machine with other work.

    .venv/bin/python benchmarks/dask_growth.py --vectors 1000000 --keep FOLDER
    .venv/bin/python benchmarks/dask_growth.py --keep FOLDER          # 125,000, 250,000, 500,000, 1,000,000
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from dask_runs import Work, measure_run
from made_store import MadeStore

SIZES = (125_000, 250_000, 500_000, 1_000_000)


def find_exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """The b of value ~ size ** b, by least squares on logarithms."""
    return round(float(np.polyfit(np.log(sizes), np.log(np.maximum(values, 0.01)), 1)[0]), 2)


def find_growth(runs: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """The exponents of several runs."""
    sizes = [run["vectors"] for run in runs]
    stages = runs[0]["stage_seconds"]
    return {
        "seconds": find_exponent(sizes, [run["seconds"] for run in runs]),
        "processor_seconds": find_exponent(sizes, [run["processor_seconds"] for run in runs]),
        "clusterer_peak": find_exponent(sizes, [run["processes"]["clusterer"]["peak_mib"] for run in runs]),
        "stage_seconds": {
            stage: find_exponent(sizes, [run["stage_seconds"][stage] for run in runs]) for stage in stages
        },
    }


def add_store(parser: argparse.ArgumentParser) -> None:
    """The arguments that all benchmarks of the Dask engine have."""
    parser.add_argument("--clusters", default="2:10", help="numbers of clusters (default: 2:10)")
    parser.add_argument("--worker-memory", default="2GiB", help="limit of each worker (default: 2GiB)")
    parser.add_argument("--no-umap", dest="umap", action="store_false", help="draw no map")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where vectors are made, or were made")
    parser.add_argument(
        "--clusterer-flag", action="append", default=[], metavar="FLAG", help="a flag of the clusterer"
    )


def open_store(options: argparse.Namespace, count: int, stack: ExitStack) -> MadeStore:
    """The store that the arguments ask for, with at least so many vectors."""
    folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="oct-made-")), "v")
    store = MadeStore(folder)
    store.fill(count)
    return store


def read_work(options: argparse.Namespace, count: int, workers: int) -> Work:
    """What the arguments ask for."""
    first, _, last = options.clusters.partition(":")
    clusters = (int(first), int(last or first))
    flags = tuple(options.clusterer_flag)
    return Work(count, clusters, options.umap, workers, options.worker_memory, flags)


def main() -> None:
    """Measures all sizes and prints one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, nargs="+", default=SIZES)
    parser.add_argument("--workers", type=int, default=2, help="0: the clusterer alone (default: 2)")
    add_store(parser)
    options = parser.parse_args()
    with ExitStack() as stack:
        store = open_store(options, max(options.vectors), stack)
        runs = [
            measure_run(store, read_work(options, count, options.workers))[0] for count in options.vectors
        ]
    line: dict[str, object] = {"question": "growth on Dask", "runs": runs}
    if len(runs) > 1:
        line["exponents"] = find_growth(runs)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
