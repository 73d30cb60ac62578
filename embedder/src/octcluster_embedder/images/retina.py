"""Finds the retina in a B-scan: the row of its deepest bright layer in each column.

That layer, the pigment epithelium as a rule, is searched in each column, and a parabola is laid through it
that no druse, lesion or vessel bends.

    image ──▶ grid of 64 columns and 124 rows, without white margins
          ──▶ the brightest layers of each column, less what lies below them: the nerve fibre layer is bright
              too, and has the retina below it
          ──▶ the parabola that most columns agree on ──▶ refined twice in the layer nearest to it
          ──▶ is it a retina: do most columns agree, are there bands along it, is it dark above? ──▶ else None

Photographs of the fundus, noise and empty images have no such layer. Whatever changes where a retina is found
changes RETINA_VERSION in ``spaces``.

No step uses BLAS or LAPACK: their kernels add in an order of their own on each kind of processor, and the
vector of an image would depend on it. Sums and products element by element are the same everywhere.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from octcluster_embedder.images.measures import WHITE, reaches_an_edge

_Floats = NDArray[np.float32]

_COLUMNS = 64
_ROWS = 124
# In rows of the grid: where what lies below a layer begins and ends, and how far apart two layers are.
_GAP, _REACH, _LAYER = 3, 30, 8
_BELOW_WEIGHT = 1.2
_MAX_TILT, _MAX_BEND = 0.5, 0.35  # shares of the height, between the centre and the edge
_AGREEMENT = 0.03  # shares of the height
_REFINEMENTS = (0.05, 0.03)
_SPREAD = 0.012
_MIN_AGREEING_SHARE = 0.4
_MIN_BANDED_SHARE = 0.2
_MAX_DARKNESS = 0.6
# In rows of the grid: what is looked at above and below the layer, to tell whether it is a retina's.
_ABOVE, _BELOW = 62, 32


@dataclass(frozen=True, eq=False)
class Retina:
    """Where the retina lies in an image.

    Attributes:
        parabola: float32, shape (3,): the layer's row as a share of the height is
            ``a + b * x + c * x**2``, and x runs from -1 at the left edge to 1 at the right one.
        background: Brightness of what is neither retina nor white margin, 0 to 255.
        margins: bool, shape (height, width): the image's white margins.
    """

    parabola: _Floats
    background: float
    margins: NDArray[np.bool_]

    def rows(self, width: int, height: int) -> _Floats:
        """The layer's row in each column of an image of this size; float32, shape (width,)."""
        return _evaluate(self.parabola, _places(width)) * np.float32(height) - np.float32(0.5)


def find_retina(image: Image.Image) -> Retina | None:
    """Finds the retina.

    Args:
        image: An upright grey image, mode L, at its full size or a reduced one.

    Returns:
        Where it lies; None if there is none, or none that could be told from something else.
    """
    margins = _find_margins(np.asarray(image))
    grid, known = _draw_grid(image, margins)
    if np.count_nonzero(known) < 0.2 * known.size:
        return None
    background = float(np.percentile(grid[known], 25))
    filled = np.where(known, grid, np.float32(background))
    bright = _find_deepest(_smooth(filled) - np.float32(background))
    usable = known.mean(axis=0) > 0.25
    places, weights = _find_layers(bright, usable)
    parabola = _agree(places, weights)
    if parabola is None:
        return None
    for reach in _REFINEMENTS:
        parabola = _refine(parabola, bright, usable, reach)
    agreeing = np.abs(places[0] - _evaluate(parabola, _X)) < _AGREEMENT
    if np.count_nonzero(agreeing & usable) < _MIN_AGREEING_SHARE * np.count_nonzero(usable):
        return None
    if not _is_banded(filled, known, parabola, background):
        return None
    return Retina(parabola, background, margins)


def _find_margins(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """White margins with their blurred edges, two pixels wide; bool, shape as given."""
    white = grey >= WHITE
    if not (white[0].any() or white[-1].any() or white[:, 0].any() or white[:, -1].any()):
        return np.zeros_like(white)
    margins = reaches_an_edge(white)
    for _ in range(2):
        _widen(margins)
    return margins


def _places(n_columns: int) -> _Floats:
    """The centre of each column, between -1 and 1; float32, shape (n_columns,)."""
    return ((2 * np.arange(n_columns) + 1) / n_columns - 1).astype(np.float32)


def _evaluate(parabolas: _Floats, x: _Floats) -> _Floats:
    """Heights at some places; float32, shape of parabolas without its last axis, then of x."""
    constant, slope, bend = np.moveaxis(parabolas, -1, 0)[..., np.newaxis]
    heights: _Floats = constant + (slope + bend * x) * x
    return heights


_X = _places(_COLUMNS)
_RIDGE = 1e-6 * np.eye(3, 4)
_POWERS = np.stack([np.ones_like(_X), _X, _X * _X]).astype(np.float64)
_TRIPLES = np.array(
    [
        triple
        for triple in itertools.combinations(range(1, _COLUMNS, 4), 3)
        if min(np.diff(triple)) >= _COLUMNS // 8
    ]
)
"""Columns through which parabolas are laid, apart from each other; int, shape (n_triples, 3)."""
_HEIGHTS = (np.arange(_ROWS, dtype=np.float32) + np.float32(0.5)) / np.float32(_ROWS)


def _widen(mask: NDArray[np.bool_]) -> None:
    """Adds the neighbours above, below, left and right of all that is in the mask."""
    rows = mask[:-1] | mask[1:]
    mask[1:] |= rows
    mask[:-1] |= rows
    columns = mask[:, :-1] | mask[:, 1:]
    mask[:, 1:] |= columns
    mask[:, :-1] |= columns


def _draw_grid(image: Image.Image, margins: NDArray[np.bool_]) -> tuple[_Floats, NDArray[np.bool_]]:
    """Mean brightness of each cell, float32, and whether it lies outside of white margins."""
    size = (_COLUMNS, _ROWS)
    cells = np.asarray(image.resize(size, Image.Resampling.BOX), dtype=np.float32)
    if not margins.any():
        return cells, np.ones((_ROWS, _COLUMNS), np.bool_)
    shares = Image.fromarray(margins.view(np.uint8) * np.uint8(255)).resize(size, Image.Resampling.BOX)
    unknown = np.asarray(shares) > 0
    _widen(unknown)
    return cells, ~unknown


def _smooth(cells: _Floats) -> _Floats:
    """Mean of three neighbours each way; edges count twice."""
    for axis in (0, 1):
        padded = np.pad(cells, [(1, 1) if axis == n else (0, 0) for n in (0, 1)], mode="edge")
        cells = (
            padded[:-2] + padded[1:-1] + padded[2:]
            if axis == 0
            else padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
        ) / np.float32(3)
    return cells


def _find_deepest(bright: _Floats) -> _Floats:
    """Brightness of each cell, less the mean of what lies below it."""
    padded = np.zeros((_ROWS + _GAP + _REACH + 1, _COLUMNS), np.float32)
    np.maximum(bright, 0, out=padded[1 : _ROWS + 1])
    sums = np.cumsum(padded, axis=0, dtype=np.float32)
    below = sums[_GAP + _REACH : _GAP + _REACH + _ROWS] - sums[_GAP : _GAP + _ROWS]
    deepest: _Floats = bright - np.float32(_BELOW_WEIGHT / _REACH) * below
    return deepest


def _find_layers(bright: _Floats, usable: NDArray[np.bool_]) -> tuple[_Floats, _Floats]:
    """Heights and weights, 0 to 1, of the two brightest layers of each column; float32, shape (2, 64)."""
    columns = np.arange(_COLUMNS)
    first = bright.argmax(axis=0)
    others = np.where(np.abs(np.arange(_ROWS)[:, np.newaxis] - first) < _LAYER, np.float32(-1e6), bright)
    places = np.stack([first, others.argmax(axis=0)])
    weights = np.maximum(bright[places, columns], 0) * usable
    usual = np.percentile(weights[0], 90) + 1e-6
    return _HEIGHTS[places], np.minimum(weights / np.float32(usual), 1)


def _agree(places: _Floats, weights: _Floats) -> _Floats | None:
    """The parabola through three columns that most others lie on; float32, shape (3,)."""
    parabolas = _lay_through(_X[_TRIPLES.T], places[0][_TRIPLES.T])
    possible = (np.abs(parabolas[:, 1]) < _MAX_TILT) & (np.abs(parabolas[:, 2]) < _MAX_BEND)
    parabolas = parabolas[possible]
    if not len(parabolas):
        return None
    curves = _evaluate(parabolas, _X)
    support = np.zeros(len(curves), dtype=np.float32)
    for place, weight in zip(places, weights, strict=True):
        distances = curves - place
        np.abs(distances, out=distances)
        support += np.multiply(distances < np.float32(_AGREEMENT), weight, out=distances).sum(axis=1)
    best: _Floats = parabolas[int(np.argmax(support))]
    return best


def _lay_through(x: _Floats, heights: _Floats) -> _Floats:
    """The parabolas through three points each, by Newton's divided differences.

    Args:
        x: float32, shape (3, n_parabolas).
        heights: Likewise.

    Returns:
        float32, shape (n_parabolas, 3).
    """
    first = (heights[1] - heights[0]) / (x[1] - x[0])
    second = (heights[2] - heights[1]) / (x[2] - x[1])
    bend = (second - first) / (x[2] - x[0])
    slope = first - bend * (x[0] + x[1])
    return np.stack([heights[0] - (slope + bend * x[0]) * x[0], slope, bend], axis=1)


def _refine(parabola: _Floats, bright: _Floats, usable: NDArray[np.bool_], reach: float) -> _Floats:
    """Lays it through the brightest cell of each column near to it; outliers have less weight."""
    near = np.where(
        np.abs(_HEIGHTS[:, np.newaxis] - _evaluate(parabola, _X)) < np.float32(reach),
        bright,
        np.float32(-1e6),
    )
    found = near.argmax(axis=0)
    weights = np.maximum(near[found, np.arange(_COLUMNS)], 0) * usable
    weights = np.minimum(weights, np.percentile(weights, 75))
    weights[(found == 0) | (found == _ROWS - 1)] = 0  # there the layer has left the image
    places = _HEIGHTS[found]
    for _ in range(3):
        doubt = (places - _evaluate(parabola, _X)) / np.float32(_SPREAD)
        parabola = _fit(places, weights / (1 + doubt * doubt))
    return parabola


def _fit(places: _Floats, weights: _Floats) -> _Floats:
    """The parabola of least squares, by elimination in float64; float32, shape (3,)."""
    products = (_POWERS * weights)[:, np.newaxis] * np.vstack([_POWERS, places])
    # The equations are symmetric and positive definite, so that no pivots are needed.
    (a, b, c, u), (_, d, e, v), (_, _, f, w) = (products.sum(axis=2) + _RIDGE).tolist()
    m, n = b / a, c / a
    d, e, f, v, w = d - m * b, e - m * c, f - n * c, v - m * u, w - n * u
    m = e / d
    bend = (w - m * v) / (f - m * e)
    slope = (v - e * bend) / d
    return np.array([(u - b * slope - c * bend) / a, slope, bend], dtype=np.float32)


def _is_banded(filled: _Floats, known: NDArray[np.bool_], parabola: _Floats, background: float) -> bool:
    """Whether rows along the parabola differ from each other, as layers do, and it is dark above them."""
    above, below = _ABOVE, _BELOW
    rows = np.floor(_evaluate(parabola, _X) * _ROWS).astype(np.intp) + np.arange(-above, below)[:, np.newaxis]
    columns = np.arange(_COLUMNS)
    clipped = np.clip(rows, 0, _ROWS - 1)
    inside = (rows == clipped) & known[clipped, columns]
    values = filled[clipped, columns] * inside
    counts = inside.sum(axis=1)
    profile = values.sum(axis=1) / np.maximum(counts, 1)
    n_cells = max(int(counts.sum()), 1)
    mean = values.sum() / n_cells
    variance = (values * values).sum() / n_cells - mean * mean
    banded = (counts * (profile - mean) ** 2).sum() / n_cells
    layer = profile[above - 2 : above + 3].mean() - background
    far = counts[: above // 3].sum()
    vitreous = values[: above // 3].sum() / far - background if far else 0.0
    return bool(banded > _MIN_BANDED_SHARE * variance and vitreous < _MAX_DARKNESS * layer)
