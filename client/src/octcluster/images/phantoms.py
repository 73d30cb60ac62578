"""OCT-like phantoms in four classes, to try octcluster on where there is no data. Needs the extra ``local``.

Size, brightness, tilt, shadows and white borders are drawn alike for all classes; only the disease differs.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from octcluster.images.phantom_scans import WIDTH, Bump, Cyst, Eye, scan_eye

CLASSES = ("CNV", "DME", "DRUSEN", "NORMAL")
WIDE_WIDTH = 768
WIDE_SHARE = 0.15
MAX_IMAGES_PER_PATIENT = 4
# Patients of each class have their own ten thousand: real ones of this form have seven digits.
_PHANTOM = re.compile(rf"({'|'.join(CLASSES)})/\1-[1-4]\d{{4}}-[1-{MAX_IMAGES_PER_PATIENT}]\.jpeg")


def write_phantoms(folder: Path, images_per_class: int, seed: int) -> None:
    """Writes 8-bit greyscale JPEG files ``<disease>/<disease>-<patient>-<number>.jpeg``.

    Most are 512x496 pixels, a few 768x496. They depend on the seed alone, and the first images of a class do
    not depend on how many follow.

    Args:
        folder: Where the class folders go; made if need be.
        images_per_class: Number of images of each of CLASSES.
        seed: Seed of every random choice.

    Raises:
        OSError: A file cannot be written.
    """
    for class_index, disease in enumerate(CLASSES):
        class_folder = folder / disease
        class_folder.mkdir(parents=True, exist_ok=True)
        images = draw_phantoms(disease, seed)
        for _, (patient, number, pixels) in zip(range(images_per_class), images, strict=False):
            name = f"{disease}-{10_000 * (class_index + 1) + patient}-{number}.jpeg"
            _save(pixels, class_folder / name)


def _save(pixels: NDArray[np.uint8], path: Path) -> None:
    try:
        Image.fromarray(pixels).save(path, quality=90)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def find_stranger(folder: Path) -> str | None:
    """Name of a file below a folder that cannot be a phantom; None: there is none, or no such folder."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not (path.is_dir() or path.name.startswith(".") or _PHANTOM.fullmatch(name)):
            return name
    return None


def draw_phantoms(disease: str, seed: int) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """Draws phantoms of one class without end, 1 to MAX_IMAGES_PER_PATIENT images a patient.

    Args:
        disease: One of CLASSES.
        seed: Seed of every random choice.

    Yields:
        Number of the patient, number of the patient's image from 1, and the image: uint8, shape
        (496, width).
    """
    patient = 0
    while True:
        patient += 1
        random = np.random.default_rng([seed, CLASSES.index(disease), patient])
        eye = _grow_eye(disease, random)
        for number in range(1, int(random.integers(1, MAX_IMAGES_PER_PATIENT, endpoint=True)) + 1):
            yield patient, number, scan_eye(eye, random)


def _grow_eye(disease: str, random: Generator) -> Eye:
    uniform = random.uniform
    width = WIDE_WIDTH if random.random() < WIDE_SHARE else WIDTH
    eye = Eye(
        width=width,
        fovea=width / 2 + uniform(-60, 60),
        pit_radius=uniform(42, 66),
        depth=uniform(215, 320),
        tilt=uniform(-0.12, 0.12),
        curvature=uniform(-10, 45),
        thickness=uniform(0.9, 1.12),
        choroid=uniform(35, 75),
        gain=uniform(0.8, 1.2),
        looks=uniform(2.0, 6.0),
    )
    if disease == "CNV":
        return _grow_membrane(eye, random)
    if disease == "DME":
        return _grow_edema(eye, random)
    return _grow_drusen(eye, random) if disease == "DRUSEN" else eye


def _grow_drusen(eye: Eye, random: Generator) -> Eye:
    """Deposits that lift the pigment epithelium in bumps."""
    uniform = random.uniform
    drusen = [
        Bump(eye.fovea + random.normal(0, 95), uniform(9, 26), uniform(7, 24))
        for _ in range(random.integers(5, 13))
    ]
    return replace(eye, drusen=drusen)


def _grow_edema(eye: Eye, random: Generator) -> Eye:
    """A retina that is swollen around dark pockets of fluid."""
    uniform = random.uniform
    centre = eye.fovea + random.normal(0, 35)
    radius = uniform(70, 150)
    swelling = [Bump(centre, radius, uniform(30, 75))]
    cysts = [
        Cyst(centre + random.normal(0, 0.45) * radius, uniform(0.35, 0.72), uniform(5, 17), uniform(7, 24))
        for _ in range(random.integers(6, 18))
    ]
    fluid = [Bump(centre, uniform(30, 60), uniform(6, 18))] if random.random() < 0.25 else []
    return replace(eye, swelling=swelling, cysts=cysts, fluid=fluid, pit=uniform(0.0, 0.5))


def _grow_membrane(eye: Eye, random: Generator) -> Eye:
    """A bright membrane of new vessels under the retina, with fluid beside it and a broken epithelium."""
    uniform = random.uniform
    centre = eye.fovea + random.normal(0, 30)
    radius = uniform(50, 110)
    membrane = [Bump(centre, radius, uniform(16, 42), power=3)]
    lifted = [Bump(centre + uniform(-0.5, 0.5) * radius, uniform(25, 60), uniform(5, 26), power=3)]
    side = centre + random.choice([-1, 1]) * radius * uniform(0.5, 1.1)
    fluid = [Bump(side, uniform(40, 80), uniform(10, 28))] if random.random() < 0.75 else []
    cysts = [
        Cyst(centre + random.normal(0, 0.4) * radius, uniform(0.3, 0.6), uniform(4, 10), uniform(5, 12))
        for _ in range(random.integers(0, 4))
    ]
    swelling = [Bump(centre, 1.3 * radius, uniform(0, 18))]
    return replace(
        eye,
        drusen=lifted,
        membrane=membrane,
        fluid=fluid,
        cysts=cysts,
        swelling=swelling,
        pit=uniform(0.3, 0.9),
    )
