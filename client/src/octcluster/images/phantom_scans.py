"""Draws slices through made-up eyes, as optical coherence tomography would show them.

Order, thickness and brightness of the layers follow Staurenghi et al., Ophthalmology 121 (2014), at about 3.9
micrometres a pixel; speckle is multiplicative, as in Goodman, J. Opt. Soc. Am. 66 (1976).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

HEIGHT = 496
WIDTH = 512

Array = NDArray[np.float32]

# Name, thickness far from the fovea and in its centre in pixels, and reflectivity; from the vitreous down.
_LAYERS = (
    ("nerve fibres", 10, 0, 0.66),
    ("ganglion cells", 13, 1, 0.44),
    ("inner plexiform", 11, 1, 0.52),
    ("inner nuclear", 11, 1, 0.31),
    ("outer plexiform", 8, 3, 0.48),
    ("outer nuclear", 18, 30, 0.24),
    ("limiting membrane", 2, 2, 0.42),
    ("inner segments", 6, 8, 0.33),
    ("ellipsoid zone", 4, 4, 0.80),
    ("outer segments", 6, 8, 0.50),
)
_SWELLING = (0.0, 0.05, 0.05, 0.25, 0.25, 0.40, 0.0, 0.0, 0.0, 0.0)
_OUTER_NUCLEAR = 5
_VITREOUS, _FLUID, _MEMBRANE, _EPITHELIUM, _DRUSE, _CHOROID = 0.035, 0.05, 0.72, 0.95, 0.42, 0.36
_EPITHELIUM_PIXELS = 8


@dataclass(frozen=True)
class Bump:
    """A rise around a column; all in pixels. The flatter its top, the larger the power."""

    column: float
    radius: float
    height: float
    power: float = 2.0


@dataclass(frozen=True)
class Cyst:
    """A dark pocket; its depth is a share of the retina's thickness, the rest in pixels."""

    column: float
    depth: float
    radius_x: float
    radius_y: float


@dataclass(frozen=True)
class Eye:
    """What all images of one patient share; lengths in pixels."""

    width: int
    fovea: float
    pit_radius: float
    depth: float
    tilt: float
    curvature: float
    thickness: float
    choroid: float
    gain: float
    looks: float
    pit: float = 1.0
    drusen: Sequence[Bump] = ()
    swelling: Sequence[Bump] = ()
    membrane: Sequence[Bump] = ()
    fluid: Sequence[Bump] = ()
    cysts: Sequence[Cyst] = ()


def scan_eye(eye: Eye, random: Generator) -> NDArray[np.uint8]:
    """Draws one slice; lesions vary from slice to slice, speckle and shadows are new in each.

    Args:
        eye: The eye.
        random: Source of what varies between slices.

    Returns:
        uint8, shape (HEIGHT, width of the eye).
    """
    severity = random.uniform(0.7, 1.15)
    columns = np.arange(eye.width, dtype=np.float32)
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None]
    surfaces, bruch = _lay_surfaces(eye, columns, severity, random)
    image = _fill_layers(surfaces, eye, random)
    _fill_choroid(image, rows, bruch, eye, _rise(eye.membrane, columns) * severity, random)
    _fill_cysts(image, surfaces, eye, severity, random)
    if eye.membrane or eye.cysts:
        _add_bright_spots(image, surfaces, random)
    _cast_shadows(image, rows, surfaces[0], random)
    return _develop(image, eye, random)


def _lay_surfaces(eye: Eye, columns: Array, severity: float, random: Generator) -> tuple[list[Array], Array]:
    """Rows of the surfaces from the vitreous down to the epithelium's lower side, and of Bruch's membrane."""
    offset = (columns - eye.width / 2) / WIDTH
    bruch = eye.depth + random.uniform(-12, 12) + (eye.tilt + random.normal(0, 0.01)) * WIDTH * offset
    bruch = bruch - 4 * eye.curvature * offset**2 + _waves(eye.width, 120, 1.5, random)
    roughness = 1 + _waves(eye.width, 12, 0.13, random)
    lift = _rise(eye.drusen, columns) * severity
    membrane = _rise(eye.membrane, columns) * severity * roughness
    fluid = _rise(eye.fluid, columns) * severity
    swelling = _rise(eye.swelling, columns) * severity
    pit = eye.pit * np.exp(-(((columns - eye.fovea) / eye.pit_radius) ** 2))
    surface = bruch - lift
    surfaces = [surface]
    # A membrane breaks the epithelium up: it is thin where the membrane is high.
    surface = surface - _EPITHELIUM_PIXELS * np.clip(1.2 - membrane / 25 * roughness, 0.15, 1)
    surfaces.append(surface)
    for rise in (membrane, fluid):
        surface = surface - rise
        surfaces.append(surface)
    for index in reversed(range(len(_LAYERS))):
        _, far, central, _ = _LAYERS[index]
        thickness = eye.thickness * (far + (central - far) * pit) + _SWELLING[index] * swelling
        if index == _OUTER_NUCLEAR:
            # This layer takes up half of what rises below it, and all of its roughness.
            raised = _smooth(surface - thickness + 0.5 * (lift + membrane + fluid))
            surface = np.minimum(raised, surface - 4)
        else:
            surface = surface - thickness
        surfaces.append(surface)
    return [each.astype(np.float32) for each in reversed(surfaces)], bruch.astype(np.float32)


def _fill_layers(surfaces: Sequence[Array], eye: Eye, random: Generator) -> Array:
    """Reflectivity of everything above Bruch's membrane, shape (HEIGHT, width)."""
    levels = [_VITREOUS, *(layer[3] for layer in _LAYERS), _FLUID, _MEMBRANE, _EPITHELIUM, _DRUSE]
    steps = np.zeros((HEIGHT + 2, eye.width), dtype=np.float32)
    steps[0] = levels[0]
    columns = np.arange(eye.width)
    for surface, above, below in zip(surfaces, levels, levels[1:], strict=False):
        # Each step is spread over two pixels, so that surfaces are no staircases.
        row = np.clip(surface, 0, HEIGHT - 1).astype(np.intp)
        share = np.clip(surface - row, 0, 1)
        steps[row + 1, columns] += (below - above) * (1 - share)
        steps[row + 2, columns] += (below - above) * share
    image = np.cumsum(steps[:HEIGHT], axis=0)
    texture = 1 + 0.10 * _clouds(eye.width, (10, 24), random)
    return image * texture


def _fill_choroid(
    image: Array, rows: Array, bruch: Array, eye: Eye, membrane: Array, random: Generator
) -> None:
    """Vessels in bright tissue that fades with depth; brighter where the epithelium above is broken."""
    first = int(np.clip(bruch.min(), 0, HEIGHT - 1))
    depth = rows[first:] - bruch
    vessels = _clouds(eye.width, (13, 18), random)[first:]
    below = np.maximum(depth, 0)
    # The choroid ends in the sclera, which gives back little light.
    sclera = 1 / (1 + np.exp((below - eye.choroid) / 9))
    tissue = _CHOROID * np.exp(-below / (1.6 * eye.choroid)) * sclera + 0.10 * np.exp(-below / 110)
    tissue *= 1 + np.minimum(membrane, 30) / 40 - 0.45 / (1 + np.exp(5 - 9 * vessels))
    bruch_line = np.clip(1.5 - np.abs(depth - 1), 0, 1) * 0.1
    np.copyto(image[first:], tissue + bruch_line + 0.02, where=depth > 0, casting="same_kind")


def _fill_cysts(
    image: Array, surfaces: Sequence[Array], eye: Eye, severity: float, random: Generator
) -> None:
    top, bottom = surfaces[0], surfaces[len(_LAYERS)]
    for cyst in eye.cysts:
        column = int(np.clip(cyst.column + random.normal(0, 3), 0, eye.width - 1))
        radius_x, radius_y = cyst.radius_x * severity, cyst.radius_y * severity
        row = top[column] + cyst.depth * (bottom[column] - top[column])
        radius_y = min(radius_y, 0.9 * (row - top[column]), 0.9 * (bottom[column] - row))
        if radius_y < 2:
            continue
        window = (
            slice(max(int(row - radius_y), 0), max(int(row + radius_y) + 2, 0)),
            slice(max(int(column - radius_x), 0), int(column + radius_x) + 2),
        )
        y, x = np.ogrid[window]
        inside = np.clip(3 * (1 - ((x - column) / radius_x) ** 2 - ((y - row) / radius_y) ** 2), 0, 1)
        image[window] += inside[: image[window].shape[0], : image[window].shape[1]] * (_FLUID - image[window])


def _add_bright_spots(image: Array, surfaces: Sequence[Array], random: Generator) -> None:
    """Hyperreflective foci: small and bright, inside the retina."""
    top, bottom = surfaces[0], surfaces[len(_LAYERS)]
    for _ in range(random.integers(0, 9)):
        column = int(random.integers(2, image.shape[1] - 2))
        row = int(top[column] + random.uniform(0.25, 0.85) * (bottom[column] - top[column]))
        if 2 <= row < HEIGHT - 2:
            image[row - 1 : row + 2, column - 1 : column + 2] += np.float32(0.35)


def _cast_shadows(image: Array, rows: Array, top: Array, random: Generator) -> None:
    """Vessels of the retina darken what lies under them."""
    columns = np.arange(image.shape[1], dtype=np.float32)
    light = 1 + _waves(image.shape[1], 90, 0.10, random)
    for _ in range(random.integers(1, 7)):
        vessel = random.uniform(0, image.shape[1])
        light -= random.uniform(0.1, 0.4) * np.exp(-(((columns - vessel) / random.uniform(2, 5)) ** 2))
    image *= np.where(rows > top + 12, np.maximum(light, 0.25), 1).astype(np.float32)


def _develop(image: Array, eye: Eye, random: Generator) -> NDArray[np.uint8]:
    """Adds speckle and the instrument's noise and turns reflectivity into grey values."""
    # A gamma distribution with mean 1, as the cube of a normal one (Wilson and Hilferty, 1931).
    normal = random.standard_normal(image.shape, dtype=np.float32)
    speckle = np.maximum(
        normal * np.float32(1 / (3 * eye.looks**0.5)) + np.float32(1 - 1 / (9 * eye.looks)), 0
    )
    speckle *= speckle * speckle
    speckle[:, 1:] = 0.65 * speckle[:, 1:] + 0.35 * speckle[:, :-1]
    noise_level = np.float32(random.uniform(0.01, 0.035))
    noise = noise_level * random.standard_exponential(image.shape, dtype=np.float32)
    grey = (image * speckle + noise) ** np.float32(0.7) * np.float32(200 * eye.gain)
    if random.random() < 0.5:
        _add_white_border(grey, random)
    pixels: NDArray[np.uint8] = np.clip(grey, 0, 255).astype(np.uint8)
    return pixels


def _add_white_border(grey: Array, random: Generator) -> None:
    """A white wedge at the top or the bottom, as registration leaves it on real images."""
    line = random.uniform(0, 30) + random.uniform(-0.06, 0.06) * np.arange(grey.shape[1], dtype=np.float32)
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None]
    if random.random() < 0.5:
        rows = HEIGHT - 1 - rows
    grey[rows < line] = 255


def _rise(bumps: Sequence[Bump], columns: Array) -> Array:
    """Height at each column; bumps that overlap do not add up."""
    height = np.zeros_like(columns)
    for bump in bumps:
        distance = np.abs((columns - bump.column) / bump.radius)
        np.maximum(height, bump.height * np.exp(-(distance**bump.power)), out=height)
    return height


def _smooth(line: Array) -> Array:
    """Mean over a window of columns."""
    half = 12
    padded = np.pad(line, half, mode="edge")
    return np.convolve(padded, np.full(2 * half + 1, 1 / (2 * half + 1)), mode="valid")


def _waves(width: int, wavelength: int, amplitude: float, random: Generator) -> Array:
    """Smooth noise along a line, with this standard deviation at its knots."""
    knots = random.normal(0, amplitude, width // wavelength + 3)
    return np.interp(np.arange(width) / wavelength, np.arange(len(knots)), knots).astype(np.float32)


def _clouds(width: int, cell: tuple[int, int], random: Generator) -> Array:
    """Smooth noise over the image, standard deviation about 1, with cells of this height and width."""
    coarse = random.standard_normal((HEIGHT // cell[0] + 2, width // cell[1] + 2), dtype=np.float32)
    smooth = Image.fromarray(coarse).resize((width, HEIGHT), Image.Resampling.BICUBIC)
    return np.asarray(smooth, dtype=np.float32)
