"""How the explorer's server does at the size of OCT2017: time and memory, without a browser.

    .venv/bin/python benchmarks/explorer_size.py [--images 84495] [--dimension 144]

The result and its prepared vectors are made up; the server is that of the command. Times are of answers: the
columns and the state that the page loads, an act on 20,000 images, its undo, the neighbours of an image,
and labels spread from 40 images, with the graph that the first call makes. Memory is the highest that the
server's process had. Prints one JSON line.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests/support"))

from explorers import Caller, running_explorer
from made_scans import CLASSES, RESULT_ID, MadeScans, make_result

_MOVED = 20_000
_LABELLED = 10
_POLL_SECONDS = 0.2


def main() -> None:
    """Makes a result, asks the explorer as its page does, and prints one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=84_495)
    parser.add_argument("--dimension", type=int, default=144)
    arguments = parser.parse_args()
    figures: dict[str, Any] = {"images": arguments.images, "dimension": arguments.dimension}
    with tempfile.TemporaryDirectory() as folder:
        result = make_result(Path(folder), MadeScans(arguments.images, min(_MOVED, arguments.images), 0))
        cache = Path(folder) / "cache"
        write_vectors(cache / "explorer" / "vectors", arguments.images, arguments.dimension)
        began = time.perf_counter()
        with running_explorer(result, "--cache-dir", cache) as explorer:
            figures["start_seconds"] = round(time.perf_counter() - began, 2)
            figures |= time_answers(explorer, min(_MOVED, arguments.images))
            figures["propagation_seconds"] = round(propagate(explorer, arguments.images), 1)
            figures["propagation_again_seconds"] = round(propagate(explorer, arguments.images), 2)
            if explorer.process:
                figures["memory_mib"] = read_peak_mib(explorer.process.pid)
    print(json.dumps(figures))


def write_vectors(folder: Path, images: int, dimension: int) -> None:
    """Made-up prepared vectors, as the explorer keeps them: some thousand close groups."""
    folder.mkdir(parents=True)
    source = np.random.default_rng(0)
    middles = source.normal(0, 1, (max(images // 50, 1), dimension)).astype(np.float32)
    vectors = middles[np.arange(images) % len(middles)]
    vectors += source.normal(0, 0.3, vectors.shape).astype(np.float32)
    np.save(folder / f"{RESULT_ID}.npy", vectors)


def time_answers(explorer: Caller, moved: int) -> dict[str, object]:
    """Milliseconds of each kind of answer, the median of five where it changes nothing."""
    rows = list(range(moved))

    def move() -> object:
        return explorer.do(kind="move", rows=rows, group="new", name="moved")

    asked: dict[str, Callable[[], object]] = {
        "columns": lambda: explorer.ask("api/columns"),
        "state": explorer.state,
        "membership": lambda: explorer.ask(f"api/membership?version={explorer.state()['version']}"),
        "neighbours": lambda: explorer.ask("api/neighbours/7?count=24"),
    }
    found = {f"{name}_ms": measure(ask, 5) for name, ask in asked.items()}
    return found | {"act_ms": measure(move, 1), "undo_ms": measure(lambda: explorer.step("undo"), 1)}


def measure(ask: Callable[[], object], times: int) -> float:
    """Median milliseconds of a call."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - began)
    return round(1000 * sorted(taken)[times // 2], 1)


def propagate(explorer: Caller, images: int) -> float:
    """Seconds until labels have spread from a few images of each class."""
    for number, label in enumerate(CLASSES):
        rows = [(number + len(CLASSES) * each) % images for each in range(_LABELLED)]
        explorer.do(kind="label", rows=rows, label=label)
    began = time.perf_counter()
    while not (answer := explorer.ask("api/propagation").json)["ready"]:
        if answer["error"]:
            raise SystemExit(answer["error"])
        time.sleep(_POLL_SECONDS)
    return time.perf_counter() - began


def read_peak_mib(process: int) -> int:
    """The highest resident memory of a process."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) // 1024


if __name__ == "__main__":
    main()
