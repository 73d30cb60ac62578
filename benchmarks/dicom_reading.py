"""How fast DICOM is read beside pydicom's own decoding, and whether memory stays flat.

    python benchmarks/dicom_reading.py                  # 40 files of 25 frames
    python benchmarks/dicom_reading.py --files 1000     # all of it

The files are JPEG 2000 Lossless, 496 x 512 pixels of 8 bits, made by Pillow out of phantoms. Ours is all that
happens to a file before its scans have keys: look, read, encode, hash, in processes of their own, as in runs.
pydicom's is ``iter_pixels`` alone, in as many processes. They take turns, a few files each. On a machine with
other work the ratio of processor seconds is the better one. Memory is the highest of a process that reads,
after the first turn and at the end.
"""

import argparse
import io
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil
from octcluster.images.keys import image_key
from octcluster.images.phantoms import draw_phantoms
from octcluster.images.readers.processes import kept_workers, look_into, read_scans
from PIL import Image
from pydicom.pixels import iter_pixels

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from dicom_files import JPEG_2000_LOSSLESS, Stored, write_opt

FRAMES = 25
KINDS = 8


def make_files(folder: Path) -> list[Path]:
    """A few different files, read again and again: a thousand of them would fill a disk."""
    phantoms = draw_phantoms("DME", seed=0)
    paths = []
    for kind in range(KINDS):
        frames = np.stack([next(phantoms)[2][:, :512] for _ in range(FRAMES)])
        codestreams = []
        for frame in frames:
            stream = io.BytesIO()
            Image.fromarray(frame).save(stream, "JPEG2000", no_jp2=True)
            codestreams.append(stream.getvalue())
        stored = Stored(JPEG_2000_LOSSLESS, codestreams=codestreams)
        paths.append(write_opt(folder / f"{kind}.dcm", frames, stored))
    return paths


def read_as_we_do(paths: list[Path]) -> int:
    scans = [(paths[position], len(found.scans)) for position, found in look_into(paths)]
    wanted = [(path, range(1, number + 1)) for path, number in scans]
    return len([key for _, _, key in read_scans(wanted, image_key) if isinstance(key, bytes)])


def read_as_pydicom(pool: ProcessPoolExecutor, paths: list[Path]) -> int:
    return sum(pool.map(decode_with_pydicom, paths))


def decode_with_pydicom(path: Path) -> int:
    return sum(1 for _ in iter_pixels(path))


def highest_memory_mib() -> int:
    """The highest resident memory that one of our workers has had."""
    highest = 0
    for worker in list_children("octcluster.images.readers.worker"):
        status = Path(f"/proc/{worker.pid}/status").read_text()
        highest = max(highest, *(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line))
    return highest // 1024


def processor_seconds(of: str) -> float:
    """What all processes with this in their command line have computed."""
    return sum(sum(child.cpu_times()[:2]) for child in list_children(of))


def list_children(of: str) -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if of in " ".join(child.cmdline())]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=40, help="number of files that are read")
    options = parser.parse_args()
    seconds, computed = {"ours": 0.0, "pydicom": 0.0}, {"ours": 0.0, "pydicom": 0.0}
    programs = {"ours": "octcluster.images.readers.worker", "pydicom": "multiprocessing.spawn"}
    with (
        tempfile.TemporaryDirectory(prefix="octcluster-dicom-") as folder,
        ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool,
        kept_workers(),
    ):
        paths = make_files(Path(folder))
        contenders = {"ours": read_as_we_do, "pydicom": partial(read_as_pydicom, pool)}
        for read in contenders.values():  # starts the processes
            assert read(paths[:4]) == 4 * FRAMES
        early = highest_memory_mib()
        left = options.files
        while left > 0:
            turn = paths[: min(left, len(paths))]
            left -= len(turn)
            for name, read in contenders.items():
                began, before = time.perf_counter(), processor_seconds(programs[name])
                assert read(turn) == len(turn) * FRAMES
                seconds[name] += time.perf_counter() - began
                computed[name] += processor_seconds(programs[name]) - before
        late = highest_memory_mib()
    scans = options.files * FRAMES
    line = {
        "benchmark": "dicom_reading",
        "files": options.files,
        "frames": FRAMES,
        "processes": os.cpu_count(),
        "scans_per_second": round(scans / seconds["ours"], 1),
        "pydicom_scans_per_second": round(scans / seconds["pydicom"], 1),
        "ratio": round(seconds["pydicom"] / seconds["ours"], 3),
        "ratio_of_processor_seconds": round(computed["pydicom"] / computed["ours"], 3),
        "memory_mib_first": early,
        "memory_mib_highest": late,
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
