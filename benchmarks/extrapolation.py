"""What would ten and a hundred million images take? Prints the tables of docs/scaling.md.

Reads the line that dask_growth.py has printed for several sizes, and prints Markdown: what was measured, and
what it comes to at other sizes if

- processor seconds go on to grow with the exponent of the measured sizes, though never slower than in
  proportion;
- the clusterer's memory goes on to grow on a straight line, and that of a worker is as in the largest run:
  true where it holds no more prepared vectors than there;
- work of the workers is divided by their number, and that of the clusterer and the scheduler is not;
- a processor does as much as one of those that were measured, and nobody waits for disks or the network.

    .venv/bin/python benchmarks/dask_growth.py --keep FOLDER > growth.json
    .venv/bin/python benchmarks/extrapolation.py growth.json [--vectors 10000000 100000000] [--workers 20 200]
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from dask_growth import find_exponent
from made_store import SPACE
from memory import MIB

_VECTOR_BYTES = SPACE.vector_bytes
_PREPARED_BYTES = 4 * 144
Runs = Sequence[Mapping[str, Any]]


def is_of_workers(process: str) -> bool:
    """Whether a process is one of those whose work is divided."""
    return process.startswith("worker")


def sum_seconds(run: Mapping[str, Any], *, of_workers: bool) -> float:
    """Processor seconds of the workers, or of all others."""
    processes = run["processes"].items()
    return sum(one["processor_seconds"] for name, one in processes if is_of_workers(name) == of_workers)


def extrapolate_memory(runs: Runs, values: Sequence[float], size: int) -> float:
    """Memory at another size, on a straight line by least squares."""
    slope, least = np.polyfit([run["vectors"] for run in runs], values, 1)
    return float(max(slope, 0) * size + max(least, 0))


def extrapolate(runs: Runs, values: Sequence[float], size: int) -> float:
    """The last value, grown to another size."""
    sizes = [run["vectors"] for run in runs]
    return values[-1] * (size / sizes[-1]) ** max(find_exponent(sizes, values), 1.0)


def tabulate(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def tabulate_measured(runs: Runs) -> str:
    """Seconds by stage, and memory by process."""
    sizes = [run["vectors"] for run in runs]

    def row(name: str, values: Sequence[float]) -> list[str]:
        return [name, *(f"{value:,.0f}" for value in values), f"{find_exponent(sizes, values)}"]

    rows = [
        row(f"{stage}, s", [run["stage_seconds"][stage] for run in runs])
        for stage in runs[0]["stage_seconds"]
    ]
    rows += [
        row("all, s", [run["seconds"] for run in runs]),
        row("processor seconds of the workers", [sum_seconds(run, of_workers=True) for run in runs]),
        row("processor seconds of all others", [sum_seconds(run, of_workers=False) for run in runs]),
    ]
    rows += [
        row(f"{name}, highest MiB", [run["processes"][name]["peak_mib"] for run in runs])
        for name in runs[0]["processes"]
    ]
    return tabulate(["", *(f"{size:,}" for size in sizes), "exponent"], rows)


def tabulate_extrapolated(runs: Runs, sizes: Sequence[int], workers: Sequence[int]) -> str:
    """Hours and memory at other sizes."""
    on_workers = [sum_seconds(run, of_workers=True) for run in runs]
    others = [sum_seconds(run, of_workers=False) for run in runs]
    clusterer = [run["processes"]["clusterer"]["peak_mib"] for run in runs]
    largest = runs[-1]
    worker = max(one["peak_mib"] for name, one in largest["processes"].items() if is_of_workers(name))
    rows = []
    for size, n_workers in zip(sizes, workers, strict=True):
        divided, alone = extrapolate(runs, on_workers, size), extrapolate(runs, others, size)
        rows.append(
            [
                f"{size:,}",
                f"{n_workers}",
                f"{(alone + divided / n_workers) / 3600:.1f}",
                f"{alone / 3600:.1f}",
                f"{divided / 3600:.1f}",
                f"{extrapolate_memory(runs, clusterer, size) * MIB / 1e9:.1f}",
                f"{worker * MIB / 1e9:.1f}",
                f"{size * _PREPARED_BYTES / n_workers / 1e9:.2f}",
                f"{size * _VECTOR_BYTES / 1e12:.2f}",
            ]
        )
    head = (
        "images", "workers", "hours", "of these clusterer and scheduler", "processor hours of the workers",
        "clusterer, GB", "a worker, GB", "of prepared vectors, GB", "stored vectors, TB",
    )  # fmt: skip
    return tabulate(head, rows)


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("line", type=Path, help="what dask_growth.py has printed")
    parser.add_argument("--vectors", type=int, nargs="+", default=(10**7, 10**8))
    parser.add_argument("--workers", type=int, nargs="+", default=(20, 200), help="at each of these sizes")
    options = parser.parse_args()
    runs = sorted(json.loads(options.line.read_text())["runs"], key=lambda run: run["vectors"])
    if len(np.unique([run["vectors"] for run in runs])) < 2:
        parser.error("growth is known from two sizes on")
    print(tabulate_measured(runs))
    print()
    print(tabulate_extrapolated(runs, options.vectors, options.workers))


if __name__ == "__main__":
    main()
