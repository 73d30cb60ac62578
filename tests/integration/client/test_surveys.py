"""``octcluster.describe`` and ``octcluster.study``, from arguments to sentences, tables and files."""

from pathlib import Path
from typing import Any

import numpy as np
import octcluster
import pytest
from octcluster import Described, InvalidArguments, Study

pytestmark = pytest.mark.heavy

MATRIX = """
[features.pixels]
model = "pixels"
features = "pixels"

[preparations.reduced]
l2_normalize = false
pca = 0.95

[[experiments]]
features = ["pixels"]
preparations = ["reduced"]
algorithms = ["kmeans"]
k = "2:3"
"""


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from octcluster.images.phantoms import write_phantoms

    folder = tmp_path_factory.mktemp("phantoms")
    write_phantoms(folder, images_per_class=4, seed=0)
    return folder


def test_a_description(scans: Path, tmp_path: Path) -> None:
    described = octcluster.describe(scans, out=tmp_path / "d", samples=1)
    assert isinstance(described, Described)
    assert repr(described).startswith("There are 16 images in 4 classes, of 9 patients.")
    assert described.images["label"].value_counts().tolist() == [4, 4, 4, 4]
    described.write(tmp_path / "shown", thumbnails=True)
    pictures = [
        (tmp_path / name / "describe.html").read_text().count('<img src="data:') for name in ("d", "shown")
    ]
    assert pictures == [0, 4]


def test_a_description_of_arrays_without_pixels() -> None:
    arrays = [np.full((40, 50 + number), number, np.uint8) for number in range(3)]
    described = octcluster.describe(arrays, labels=["a", "b", "a"], headers_only=True)
    assert "There are 3 images in 2 classes. No patient is known." in repr(described)
    assert described.images["width"].tolist() == [50, 51, 52]
    assert described.description.alike is None


def test_a_study(scans: Path, tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(MATRIX)
    study = octcluster.study(
        scans, matrix=tmp_path / "m.toml", cache_dir=tmp_path / "cache", out=tmp_path / "s"
    )
    assert isinstance(study, Study)
    lines = repr(study).splitlines()
    assert lines[0] == "2 combinations of 2 tried on 16 images."
    assert lines[1].startswith("1. K-means with k = ")
    assert study.cells["k"].tolist() == [2, 3]
    assert (tmp_path / "s" / "report.html").is_file()
    study.write(tmp_path / "again")
    same = ("study.csv", "study.toml")
    assert all(
        (tmp_path / "s" / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in same
    )


@pytest.mark.parametrize("option", [{"modle": "pixels"}, {"model": "pixels"}, {"cache": "x"}])
def test_options_that_a_study_does_not_have(scans: Path, option: dict[str, Any]) -> None:
    with pytest.raises(InvalidArguments, match=r"octcluster\.study has no option"):
        octcluster.study(scans, **option)


def test_wrong_values_are_told_at_once(scans: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match="samples: "):
        octcluster.describe(scans, samples=0)
    with pytest.raises(InvalidArguments, match=r"--matrix .*none\.toml: No such file"):
        octcluster.study(scans, matrix=tmp_path / "none.toml")
