"""How fast ``octcluster describe`` is on as many files as OCT2017 has.

    python benchmarks/describe.py                         # 84,495 files that are headers alone
    python benchmarks/describe.py --images FOLDER         # as many images: these, with another comment each

The files lie in OCT2017's layout in a folder that is made and removed; the command runs twice as a process of
its own, so that the second finds the files in memory. Files of headers alone have no pixels: with
--headers-only nobody looks for them, without it each is found to be damaged. On a machine with other work the
processor seconds, those of its processes among them, are the better measure.
"""

import argparse
import io
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

from PIL import Image

COUNTS = {  # by class: train, val, test; eleven more CNV than the folders have make the 84,495 of the paper
    "CNV": (37216, 8, 242),
    "DME": (11348, 8, 242),
    "DRUSEN": (8616, 8, 242),
    "NORMAL": (26315, 8, 242),
}
SIZES = ((512, 496), (768, 496), (1536, 496), (384, 496), (1024, 512))


def make_headers() -> list[bytes]:
    """The headers of JPEG files of all sizes: what lies before the compressed pixels."""
    found = []
    for size in SIZES:
        encoded = io.BytesIO()
        Image.new("L", size, 128).save(encoded, "JPEG", quality=90)
        data = encoded.getvalue()
        start = data.index(b"\xff\xda")
        found.append(data[: start + 2 + int.from_bytes(data[start + 2 : start + 4])])
    return found


def write_files(root: Path, contents: list[bytes], count: int) -> int:
    """Writes the files, no two with the same bytes; returns how many."""
    source = cycle(contents)
    random_source = random.Random(0)
    written = 0
    total = sum(map(sum, COUNTS.values()))
    for label, counts in COUNTS.items():
        for split, number in zip(("train", "val", "test"), counts, strict=True):
            folder = root / split / label
            folder.mkdir(parents=True)
            for index in range(max(1, number * count // total)):
                data = next(source)
                # A comment with random bytes behind the start of the image makes each file another one.
                comment = b"\xff\xfe\x00\x0a" + random_source.randbytes(8)
                name = f"{label}-{10_000 + index // 6}-{index % 6 + 1}.jpeg"
                (folder / name).write_bytes(data[:2] + comment + data[2:])
                written += 1
    return written


def describe(root: Path, out: Path, *options: str) -> dict[str, float]:
    command = [
        sys.executable,
        "-m",
        "octcluster",
        "describe",
        str(root),
        "--out",
        str(out),
        "--quiet",
        *options,
    ]
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    computed = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = json.loads((out / "describe.json").read_text())
    return {
        "seconds": round(seconds, 2),
        "processor_seconds": round(computed, 2),
        "memory_mib": after.ru_maxrss // 1024,
        **found["seconds_by_stage"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, help="folder of JPEG images to make the files of")
    parser.add_argument("--count", type=int, default=sum(map(sum, COUNTS.values())), help="number of files")
    options = parser.parse_args()
    contents = make_headers()
    if options.images is not None:
        contents = [path.read_bytes() for path in sorted(options.images.rglob("*.jpeg"))]
    with tempfile.TemporaryDirectory(prefix="octcluster-describe-") as folder:
        root, out = Path(folder) / "images", Path(folder) / "out"
        files = write_files(root, contents, options.count)
        for mode in (["--headers-only"], []):
            describe(root, out, *mode)
            figures = describe(root, out, *mode)
            line = {
                "benchmark": "describe",
                "files": files,
                "content": "headers" if options.images is None else "images",
                "mode": "headers only" if mode else "pixels too",
                "files_per_second": round(files / figures["seconds"]),
                **figures,
            }
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
