"""Images and labels as Python programs hold them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from octcluster.given_images import given
from octcluster.images.folder import find_images
from octcluster.images.image_set import ImageSet
from octcluster.model.errors import InvalidArguments, InvalidImageSet
from PIL import Image

PLACES = ("a/1.png", "b/0.png", "b/deep/2.png")


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    found = [tmp_path / "scans" / place for place in PLACES]
    for number, path in enumerate(found):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(path)
    return found


def find(images: Any, labels: Any = "none") -> ImageSet:
    with given(images, labels) as (source, label_source, _):
        return find_images(source, label_source)


def labels_of(images: ImageSet) -> dict[str, str | None]:
    return {scan.name: scan.label for scan in images.images}


@pytest.mark.parametrize("kind", [str, Path])
def test_paths_in_any_order_are_the_images(paths: list[Path], kind: Callable[[Path], Any]) -> None:
    found = find([kind(path) for path in (paths[2], paths[0])])
    assert [scan.name for scan in found.images] == ["a/1.png", "b/deep/2.png"]
    assert found.root == paths[0].parents[1]


def test_a_folder_may_be_a_text_or_a_path(paths: list[Path]) -> None:
    folder = paths[0].parents[1]
    assert labels_of(find(str(folder))) == labels_of(find(folder)) == dict.fromkeys(PLACES)


def test_labels_one_by_one_go_with_images_one_by_one(paths: list[Path]) -> None:
    expected = {"a/1.png": "CNV", "b/0.png": None, "b/deep/2.png": "DME"}
    turned = [paths[2], paths[1], paths[0]]
    for labels in (["DME", None, "CNV"], ("DME", float("nan"), "CNV"), np.array(["DME", "", "CNV"])):
        assert labels_of(find(turned, labels)) == expected


def test_labels_by_image_and_as_a_frame(paths: list[Path]) -> None:
    import pandas as pd

    folder = paths[0].parents[1]
    expected = {"a/1.png": "CNV", "b/0.png": None, "b/deep/2.png": "DME"}
    by_image = {"a/1.png": "CNV", "b/deep/2.png": "DME"}
    assert labels_of(find(folder, by_image)) == expected
    assert labels_of(find(paths, pd.Series(["CNV", None, "DME"]))) == expected
    frame = pd.DataFrame({"image": by_image.keys(), "label": by_image.values(), "patient": ["p", "q"]})
    found = find(folder, frame)
    assert labels_of(found) == expected
    assert [scan.patient for scan in found.images] == ["p", None, "q"]


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((6, 8), 200, np.uint8),
        np.full((6, 8), 40_000, np.uint16),
        np.full((6, 8, 3), (1, 2, 3), np.uint8),
    ],
    ids=["grey", "16 bits", "colour"],
)
def test_arrays_are_kept_as_they_are(pixels: np.ndarray) -> None:
    with given([pixels, pixels + 1], ["CNV", "DME"]) as (source, labels, _):
        found = find_images(source, labels)
        assert [scan.label for scan in found.images] == ["CNV", "DME"]
        for scan, expected in zip(found.images, (pixels, pixels + 1), strict=True):
            with Image.open(found.root / scan.name) as image:
                np.testing.assert_array_equal(np.asarray(image), expected)
        folder = found.root
        assert folder.parent.stat().st_mode & 0o077 == 0
    assert not folder.exists()


@pytest.mark.parametrize(
    ("images", "labels", "told"),
    [
        ([], "none", "there are no images"),
        ([np.zeros((2, 2))], "none", r"image 0 is no array of pixels: .*, not float64 of \(2, 2\)"),
        ([np.zeros((2, 2), np.uint8), np.zeros((0, 2), np.uint8)], "none", "image 1 is no array"),
        ([np.zeros((2, 2, 4), np.uint8)], "none", "image 0 is no array"),
        ([np.zeros((2, 2), np.uint8), "a.png"], "none", "image 1 is no array"),
        ([3, 4], "none", "several images are paths or arrays"),
        (None, "none", "None is no images"),
        (3, "none", "3 is no images"),
        (["a.png", "b.png"], ["CNV"], "there are 1 labels for 2 images: give one each"),
        ("scans", ["CNV"], "labels one by one need images one by one"),
    ],
)
def test_what_cannot_be_used_is_told_with_the_cure(images: Any, labels: Any, told: str) -> None:
    with pytest.raises(InvalidArguments, match=told), given(images, labels):
        pytest.fail("taken")


def test_a_path_that_is_not_there_fails_alone(paths: list[Path], tmp_path: Path) -> None:
    found = find([*paths, tmp_path / "scans" / "gone.png"])
    assert len(found.images) == 4
    with pytest.raises(InvalidImageSet):
        find(tmp_path / "nowhere")


def test_arrays_are_told_apart_by_their_pixels() -> None:
    pixels = np.zeros((4, 4), np.uint8)
    digests = []
    for arrays in ([pixels, pixels + 1], [pixels + 1, pixels], [pixels, pixels + 1], [pixels]):
        with given(arrays, "none") as (_, _, content):
            digests.append(content)
    assert digests[0] == digests[2]
    assert len(set(digests)) == 3
    assert "" not in digests


def test_labels_that_fit_no_image_are_called_labels(paths: list[Path]) -> None:
    with pytest.raises(InvalidImageSet, match="no row of labels names one of the images") as caught:
        find(paths[0].parents[1], {"c/9.png": "CNV"})
    assert "/tmp" not in str(caught.value)
