"""How fast DICOM is read beside pydicom's own decoding, and whether memory stays flat.

    python benchmarks/dicom_reading.py                  # 40 files of 25 frames
    python benchmarks/dicom_reading.py --files 1000     # all of it

The files are JPEG 2000 Lossless, 496 x 512 pixels of 8 bits, made by Pillow out of phantoms. Ours is all that
happens to a file before the embedder gets its scans: look, read, encode, key. pydicom's is ``iter_pixels``
alone. Both have the same single process and take turns, a file each, so that a busy machine slows both.
"""

import argparse
import io
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from octcluster.images.keys import image_key
from octcluster.images.phantoms import draw_phantoms
from octcluster.images.readers.dicom import DicomReader
from octcluster.images.readers.encoding import encode
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


def read_as_we_do(path: Path) -> int:
    reader = DicomReader()
    scans = reader.look(path).scans
    keys = {image_key(encode(pixels)) for pixels in reader.read(path, range(1, len(scans) + 1))}
    return len(keys)


def read_as_pydicom(path: Path) -> int:
    return sum(1 for _ in iter_pixels(path))


def memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=40, help="number of files that are read")
    options = parser.parse_args()
    contenders = {"ours": read_as_we_do, "pydicom": read_as_pydicom}
    seconds = dict.fromkeys(contenders, 0.0)
    with tempfile.TemporaryDirectory(prefix="octcluster-dicom-") as folder:
        paths = make_files(Path(folder))
        for path in paths[:2]:
            for read in contenders.values():
                assert read(path) == FRAMES
        early = memory_mib()
        for number in range(options.files):
            for name, read in contenders.items():
                began = time.perf_counter()
                read(paths[number % KINDS])
                seconds[name] += time.perf_counter() - began
    scans = options.files * FRAMES
    line = {
        "benchmark": "dicom_reading",
        "files": options.files,
        "frames": FRAMES,
        "scans_per_second": round(scans / seconds["ours"], 1),
        "pydicom_scans_per_second": round(scans / seconds["pydicom"], 1),
        "ratio": round(seconds["pydicom"] / seconds["ours"], 3),
        "memory_mib_after_two_files": round(early),
        "memory_mib": round(memory_mib()),
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
