"""Do 8000 images as pixels fit into 4 GB: PCA to 95% of the variance, K-means for k = 2 to 6, in one command?

Makes the images from real ones by cutting, mirroring and brightening them at random, so that none is a copy.
Runs ``octcluster run --model pixels`` on an empty cache, with all services started by it. Prints one JSON
line: seconds in all and by stage, the highest memory of all processes together, silhouettes.

    .venv/bin/python benchmarks/pixels.py ../shared/oct2017 [--count 8000]
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from memory import run_followed
from PIL import Image, ImageEnhance, ImageOps


def write_variants(sources: Sequence[Path], folder: Path, count: int) -> None:
    """Writes ``count`` JPEG files, each a random cut of a source, mirrored half of the time."""
    draw = random.Random(0)
    for number in range(count):
        source = sources[number % len(sources)]
        with Image.open(source) as image:
            image.draft("L", (300, 300))
            grey = image.convert("L")
        width, height = grey.size
        cut = draw.uniform(0.7, 0.95)
        left, top = draw.uniform(0, 1 - cut), draw.uniform(0, 1 - cut)
        box = (left * width, top * height, (left + cut) * width, (top + cut) * height)
        variant = grey.crop(tuple(map(round, box)))
        if draw.random() < 0.5:
            variant = ImageOps.mirror(variant)
        variant = ImageEnhance.Brightness(variant).enhance(draw.uniform(0.8, 1.2))
        place = folder / source.parent.name
        place.mkdir(parents=True, exist_ok=True)
        variant.save(place / f"{source.stem}-{number:05d}.jpeg", quality=85)


def measure(sources: Sequence[Path], count: int) -> dict[str, object]:
    """Makes the images, runs the command and reads what it left."""
    program = str(Path(sys.executable).with_name("octcluster"))
    with tempfile.TemporaryDirectory(prefix="oct-") as folder:
        work = Path(folder)
        write_variants(sources, work / "images", count)
        command = [program, "run", str(work / "images"), "--out", str(work / "out"), "--model", "pixels"]
        options = ["--recipe", "pixels-1", "--pca", "0.95", "-k", "2:6", "--labels", "folder"]
        options += ["--cache-dir", str(work / "cache")]
        seconds, mib = run_followed([*command, *options])
        run = json.loads((work / "out" / "run.json").read_text())
        scores = json.loads((work / "out" / "scores.json").read_text())
    return {
        "question": "pixels",
        "images": count,
        "seconds": round(seconds, 1),
        "highest_mib": round(mib),
        "seconds_by_stage": run["seconds_by_stage"],
        "clusterer_seconds_by_stage": run["clusterer_seconds_by_stage"],
        "silhouettes": {result["k"]: round(result["silhouette"], 3) for result in scores["results"]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, help="folder of JPEG images in class folders")
    parser.add_argument("--count", type=int, default=8000, help="number of images (default: %(default)s)")
    arguments = parser.parse_args()
    sources = sorted(arguments.images.rglob("*.jp*g"))
    print(json.dumps(measure(sources, arguments.count)))


if __name__ == "__main__":
    main()
