"""Leaks between splits and classes, from real files through real services into the files for people."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from octcluster import ImageSet, run
from PIL import Image
from processes import Server


@pytest.fixture
def leaking_folder(tmp_path: Path, image_set: ImageSet) -> Path:
    """Images in two splits: one patient in both, another in two classes, and one image stored anew."""
    root = tmp_path / "images"
    images = list(image_set.images)
    for number, image in enumerate(images[:20]):
        label = {3: "CNV", 4: "DME"}.get(number, image.label)
        patient = {0: 7, 12: 7, 3: 8, 4: 8}.get(number, 100 + number)
        folder = root / ("train" if number < 12 else "test") / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(image.path, folder / f"{label}-{patient}-{number}.jpeg")
    again = root / "test" / str(images[5].label)
    again.mkdir(parents=True, exist_ok=True)
    with Image.open(images[5].path) as picture:
        picture.save(again / f"{images[5].label}-9-1.jpeg", quality=80)
    return root


def test_leaks_reach_scores_and_report(
    leaking_folder: Path, tmp_path: Path, embedder: Server, clusterer: Server
) -> None:
    addresses: dict[str, Any] = {"embedder": embedder.address, "clusterer": clusterer.address}
    out = tmp_path / "out"
    run(leaking_folder, out=out, umap=False, key_secret=os.urandom(16), **addresses)
    scores = json.loads((out / "scores.json").read_text())
    assert scores["patients"]["splits"] == ["test", "train"]
    assert {"patient": "7", "splits": ["test", "train"]} in scores["patients"]["in_several_splits"]
    assert {"patient": "8", "classes": ["CNV", "DME"]} in scores["patients"]["in_several_classes"]
    pairs = [{pair["image"], pair["other_image"]} for pair in scores["duplicates"]["pairs"]]
    (label,) = {path.parent.name for path in leaking_folder.rglob("*-9-1.jpeg")}
    assert {f"train/{label}/{label}-105-5.jpeg", f"test/{label}/{label}-9-1.jpeg"} in pairs
    report = (out / "report.html").read_text()
    assert "images in more than one split" in report
    assert "across splits" in report
    assert f"{label}-9-1.jpeg" in (out / "duplicates.csv").read_text()
