"""The pages' colours can be told apart, also with the three kinds of colour blindness."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from octcluster.outputs.pages.colours import DARK, LIGHT

# Full loss of one kind of cone: Machado, Oliveira, Fernandes, IEEE Trans. Vis. Comput. Graph. 15 (2009) 1291.
VISIONS = {
    "all": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# Ottosson, "A perceptual color space for image processing", 2020.
CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
LEAST_DISTANCE = 0.1
"""In OKLab, where lightness goes from 0 to 1."""
LEAST_CONTRAST = 3.0
"""WCAG 2.2, 1.4.11, for what is not text."""


def read_linear(colours: Sequence[str]) -> np.ndarray:
    values = np.array(
        [[int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)] for colour in colours]
    )
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_clusters_can_be_told_apart(theme: dict[str, str], vision: str) -> None:
    colours = [colour for name, colour in theme.items() if name.startswith("cluster-")]
    assert len(colours) == 8
    seen = np.clip(read_linear(colours) @ VISIONS[vision].T, 0, 1)
    places = np.cbrt(seen @ CONES.T) @ LAB.T
    nearest = min(np.linalg.norm(one - other) for one, other in combinations(places, 2))
    assert nearest >= LEAST_DISTANCE


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_clusters_stand_out_from_the_ground(theme: dict[str, str]) -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    (ground,) = read_linear([theme["ground"]]) @ weights
    for name, colour in theme.items():
        if name.startswith("cluster-"):
            (own,) = read_linear([colour]) @ weights
            assert (max(own, ground) + 0.05) / (min(own, ground) + 0.05) >= LEAST_CONTRAST, name
