"""Windows overlap and show the whole width of a picture."""

import itertools

import numpy as np
import pytest
from octcluster_embedder.images.windows import cut_windows
from PIL import Image

ONE = 1.5


def ramp(n_columns: int, brightest: int) -> Image.Image:
    """Of 380 rows, from dark at the left to bright at the right."""
    columns = np.linspace(0, brightest, n_columns).astype(np.uint8)
    return Image.fromarray(np.tile(columns, (380, 1)))


@pytest.mark.parametrize(("n_columns", "n_windows"), [(571, 2), (752, 3), (1520, 5), (3000, 11)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_windows_overlap_and_show_the_whole_width(n_columns: int, n_windows: int, mode: str) -> None:
    windows = cut_windows(ramp(n_columns, 255).convert(mode), 224, 224, widest_in_one=ONE)
    assert windows.shape == (n_windows, 224, 224, 3)
    assert windows[0].min() <= 1
    assert windows[-1].max() >= 254
    for left, right in itertools.pairwise(windows):
        assert left.max() > right.min() + 0.2 * 255 * 380 / n_columns


@pytest.mark.parametrize("n_columns", [300, 380, 507, 570])
def test_a_narrow_picture_is_one_window_in_its_centre(n_columns: int) -> None:
    windows = cut_windows(ramp(n_columns, 254), 224, 224, widest_in_one=ONE)
    assert windows.shape == (1, 224, 224, 3)
    assert windows.mean() == pytest.approx(127, abs=1)


def test_windows_have_the_shape_of_the_networks_input() -> None:
    windows = cut_windows(ramp(800, 255), 100, 200)
    assert windows.shape == (2, 100, 200, 3)
