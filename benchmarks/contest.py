"""Contenders side by side: one after the other, each in its own process, on the same data and processors.

A benchmark gives each contender a name and a function of the data; ``hold`` writes the data to a file, starts
the benchmark's own file once for each contender (``take_part`` answers there), and hands back what each of
them found, its seconds, and its peak of resident memory beyond what it held with the data loaded and
everything imported.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.generic]]
Contender = Callable[[Arrays], Callable[[], Arrays]]
"""Takes the data, imports what it needs and returns the work, which is timed; the work returns arrays."""

MIB = 2**20
THREADS = 2


@dataclass(frozen=True)
class Outcome:
    """What a contender did.

    Attributes:
        seconds: Wall-clock time of the work.
        cpu_seconds: Processor time of the work, of all threads and child processes: steadier than the clock
            on a machine with other work to do, but it counts threads that wait in a loop.
        peak_mib: Highest resident memory during the work beyond that before it.
        found: The arrays it returned.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    found: Arrays

    def figures(self) -> dict[str, float]:
        """Time and memory, for the JSON line."""
        return {
            "seconds": round(self.seconds, 2),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "peak_mib": round(self.peak_mib, 1),
        }


def hold(file: str, names: Sequence[str], data: Arrays, threads: int = THREADS) -> dict[str, Outcome]:
    """Runs contenders of a benchmark's file one after the other, each limited to the first processors."""
    environment = os.environ | {
        f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")
    }
    outcomes = {}
    with tempfile.TemporaryDirectory(prefix="contest-") as folder:
        for key, array in data.items():
            np.save(Path(folder) / f"{key}.npy", array)
        for name in names:
            # A fresh cache: what is compiled on first use is compiled in the contest.
            own = environment | {"NUMBA_CACHE_DIR": str(Path(folder) / f"numba-{name}")}
            command = [sys.executable, file, "--take-part", name, folder, str(threads)]
            print(f"{name} ...", file=sys.stderr, flush=True)
            finished = subprocess.run(command, env=own, check=True, stdout=subprocess.PIPE, text=True)
            figures = json.loads(finished.stdout.splitlines()[-1])
            with np.load(Path(folder) / f"{name}.npz") as found:
                outcomes[name] = Outcome(**figures, found=dict(found))
            print(f"{name}: {outcomes[name].figures()}", file=sys.stderr, flush=True)
    return outcomes


def take_part(contenders: Mapping[str, Contender]) -> None:
    """In a process that ``hold`` started: does the work of one contender and ends the process."""
    if len(sys.argv) != 5 or sys.argv[1] != "--take-part":
        return
    name, folder, threads = sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    data = {file.stem: np.load(file) for file in folder.glob("*.npy")}
    work = contenders[name](data)
    before = psutil.Process().memory_info().rss
    start, start_of_cpu = time.perf_counter(), sum(os.times()[:4])
    found = work()
    seconds, cpu_seconds = time.perf_counter() - start, sum(os.times()[:4]) - start_of_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    np.savez(folder / f"{name}.npz", **found)
    figures = {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mib": max(0, peak - before) / MIB}
    print(json.dumps(figures))
    sys.exit(0)
