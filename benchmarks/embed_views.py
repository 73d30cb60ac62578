"""What does the view ``retina`` cost, and how often is a retina found?

Decodes and computes each image of a folder in the views plain, and plain and retina, in turn, in one thread:
blocks with flip, as the default recipe has them. Prints one JSON line: milliseconds an image of each stage,
the ratio of both views to plain, the share of the images whose retina was found, and their mean number of
windows. Each figure is the median over the images of the best of three.

Then ``octcluster run`` embeds all images on an empty cache, by turns with consensus-2, which has the view
plain, and with consensus-3, which has both: seconds of its stage of embedding, files and services included,
and the ratio of their medians.

    .venv/bin/python benchmarks/embed_views.py ../shared/oct2017 --images 100 --runs 3
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from octcluster.images.folder import find_images
from octcluster_embedder.images.decoding import DecodedImage, ImageLimits, decode_image
from octcluster_embedder.queueing.passes import compute_vectors
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.runtimes.runtime import Runtime
from octcluster_embedder.spaces import VIEWS_OFFERED, Features, View

REPEATS = 3


def best_milliseconds(work: Callable[[], object]) -> float:
    """The shortest of some times that the work takes."""
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return 1000 * min(seconds)


def measure_image(runtime: Runtime, data: bytes) -> tuple[dict[str, float], DecodedImage]:
    """Milliseconds of each stage of one image, by view, and the image."""
    found = {}
    for views in VIEWS_OFFERED:
        space = runtime.spaces[Features.BLOCKS].variant(True, views)

        def decode(find_retina: bool = View.RETINA in views) -> DecodedImage:
            size = (runtime.input_height, runtime.input_width)
            return decode_image(data, *size, ImageLimits(), find_retina=find_retina)

        decoded = decode()
        name = "+".join(views)
        found[f"decode {name}"] = best_milliseconds(decode)
        found[f"infer {name}"] = best_milliseconds(
            lambda image=decoded, space=space: compute_vectors(runtime, [image], space)  # type: ignore[misc]
        )
    return found, decoded


def embed_by_runs(images: Path, n_runs: int) -> dict[str, object]:
    """Seconds of embedding in runs of two recipes, by turns."""
    program = str(Path(sys.executable).with_name("octcluster"))
    seconds: dict[str, list[float]] = {"consensus-2": [], "consensus-3": []}
    with tempfile.TemporaryDirectory(prefix="oct-") as folder:
        work = Path(folder)
        for number in range(n_runs + 1):
            for recipe, found in seconds.items():
                cache = work / f"cache-{recipe}-{number}"
                cache.mkdir()
                (work / "models").mkdir(exist_ok=True)
                (cache / "models").symlink_to(work / "models")
                command = [
                    program,
                    "run",
                    str(images),
                    "--out",
                    str(work / "out"),
                    "--overwrite",
                    "--quiet",
                    "-k",
                    "4",
                ]
                options = ["--recipe", recipe, "--cache-dir", str(cache), "--no-umap", "--stability", "0"]
                subprocess.run([*command, *options], check=True, stdout=sys.stderr)
                if number:  # the first ones convert the model and read the files for the first time
                    run = json.loads((work / "out" / "run.json").read_text())
                    found.append(run["seconds_by_stage"]["embedding"])
    before, after = (statistics.median(found) for found in seconds.values())
    return {"seconds_of_embedding": seconds, "run_of_both_over_plain": round(after / before, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path)
    parser.add_argument("--images", dest="count", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3, help="runs of each recipe (default: %(default)s)")
    arguments = parser.parse_args()
    files = [image.path for image in find_images(arguments.images).images]
    chosen = files[:: max(1, len(files) // arguments.count)]
    runtime = load_runtime()
    measured = [measure_image(runtime, file.read_bytes()) for file in chosen]
    stages = {name: [one[name] for one, _ in measured] for name in measured[0][0]}
    totals = {
        name: np.array(stages[f"decode {name}"]) + np.array(stages[f"infer {name}"])
        for name in ("plain", "plain+retina")
    }
    windows = [len(image.retina) for _, image in measured if image.retina is not None]
    line = {
        "question": "what does the view retina cost",
        "images": len(chosen),
        "milliseconds": {name: round(float(np.median(values)), 2) for name, values in stages.items()},
        "seconds_of_both_over_plain": round(float(totals["plain+retina"].sum() / totals["plain"].sum()), 2),
        "retina_found": round(len(windows) / len(chosen), 3),
        "windows_an_image": round(float(np.mean(windows)), 2),
    }
    print(json.dumps(line | embed_by_runs(arguments.images, arguments.runs)))


if __name__ == "__main__":
    main()
