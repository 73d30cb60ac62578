"""Phantoms: names, sizes, determinism, and no class given away by size or brightness."""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from octcluster.images.folder import find_images
from octcluster.images.phantoms import CLASSES, write_phantoms
from PIL import Image

IMAGES_PER_CLASS = 6


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantoms(folder, IMAGES_PER_CLASS, seed=0)
    return folder


def read_files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.jpeg")}


def test_phantoms_are_grey_jpegs_of_the_stated_sizes(phantoms: Path) -> None:
    sizes = []
    for path in phantoms.rglob("*.jpeg"):
        with Image.open(path) as image:
            assert (image.format, image.mode) == ("JPEG", "L")
            sizes.append(image.size)
    assert len(sizes) == IMAGES_PER_CLASS * len(CLASSES)
    assert set(sizes) == {(512, 496), (768, 496)}
    assert sizes.count((512, 496)) > len(sizes) / 2


def test_names_tell_disease_patient_and_number(phantoms: Path) -> None:
    images = find_images(phantoms).images
    by_patient = defaultdict(list)
    for image in images:
        assert re.fullmatch(rf"{image.label}/{image.label}-\d+-\d+\.jpeg", image.name)
        by_patient[image.patient].append(image)
    assert {image.label for image in images} == set(CLASSES)
    assert max(len(found) for found in by_patient.values()) > 1
    assert all(len({image.label for image in found}) == 1 for found in by_patient.values())


def test_files_depend_on_the_seed_alone(phantoms: Path, tmp_path: Path) -> None:
    write_phantoms(tmp_path / "again", 2, seed=0)
    write_phantoms(tmp_path / "other", 2, seed=1)
    first, again, other = map(read_files, (phantoms, tmp_path / "again", tmp_path / "other"))
    assert len(again) == 2 * len(CLASSES)
    assert again.items() <= first.items()
    assert not set(other.values()) & set(first.values())


def test_every_phantom_has_a_dark_vitreous_over_a_bright_retina(phantoms: Path) -> None:
    for path in phantoms.rglob("*.jpeg"):
        with Image.open(path) as image:
            pixels = np.asarray(image, dtype=np.float32)
        # White borders do not count; the retina is in no phantom this high.
        profile = np.median(np.where(pixels > 250, 0, pixels), axis=1)
        assert profile.max() > 2.5 * profile[30:70].max(), path.name


@pytest.mark.heavy
def test_brightness_does_not_give_the_class_away(tmp_path: Path) -> None:
    write_phantoms(tmp_path, 24, seed=3)
    by_class: dict[str, list[float]] = {name: [] for name in CLASSES}
    for path in tmp_path.rglob("*.jpeg"):
        with Image.open(path) as image:
            by_class[path.parent.name].append(float(np.median(np.asarray(image))))
    means = {name: np.mean(values) for name, values in by_class.items()}
    spread = np.mean([np.std(values) for values in by_class.values()])
    assert max(means.values()) - min(means.values()) < spread
