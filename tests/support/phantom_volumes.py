"""Volumes of made-up eyes: slices through one eye, from its lower to its upper edge."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from octcluster.images.phantom_scans import Bump, Cyst, Eye, scan_eye

_REACH_OF_PIT = 0.25


def draw_volume(seed: int, scans: int, *, edema: bool) -> NDArray[np.uint8]:
    """Slices of one eye, shape (scans, height, width); an oedema lies in the middle ones."""
    random = np.random.default_rng([17, seed])
    eye = _grow(random)
    radius = random.uniform(80, 140)
    swelling = [Bump(eye.fovea, radius, random.uniform(50, 75))] if edema else []
    cysts = [
        Cyst(eye.fovea + random.normal(0, 0.45) * radius, random.uniform(0.35, 0.7), 15, 20)
        for _ in range(12 * edema)
    ]
    whole = replace(eye, swelling=swelling, cysts=cysts)
    return np.stack([scan_eye(_cut(whole, height), random) for height in np.linspace(-1, 1, scans)])


def _grow(random: np.random.Generator) -> Eye:
    uniform = random.uniform
    return Eye(
        width=512, fovea=256 + uniform(-60, 60), pit_radius=uniform(42, 66), depth=uniform(215, 320),
        tilt=uniform(-0.1, 0.1), curvature=uniform(-10, 45), thickness=uniform(0.9, 1.1),
        choroid=uniform(35, 75), gain=uniform(0.8, 1.2), looks=uniform(2, 6),
    )  # fmt: skip


def _cut(eye: Eye, height: float) -> Eye:
    """The eye where a slice of this height, -1 to 1, cuts it: less of all that lies about the fovea."""
    share = float(np.exp(-((height / 0.7) ** 2)))
    return replace(
        eye,
        pit=float(np.exp(-((height / _REACH_OF_PIT) ** 2))),
        swelling=[replace(bump, height=bump.height * share) for bump in eye.swelling],
        cysts=[replace(cyst, radius_y=cyst.radius_y * share) for cyst in eye.cysts if share > 0.4],
    )
