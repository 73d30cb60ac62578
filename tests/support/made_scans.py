"""A made folder of a finished run with the files of its images, for the page of the explorer."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from octcluster.images.keys import check_of_secret, image_key
from octcluster.images.phantoms import write_phantoms
from pyarrow.parquet import write_table

CLASSES = ("CNV", "DME", "DRUSEN", "NORMAL")
CLUSTERS = 4
SCANS_OF_A_VOLUME = 10
RUN_ID, RESULT_ID = "0" * 31 + "1", "0" * 31 + "2"
_IMAGES_PER_PATIENT = 20


@dataclass(frozen=True)
class MadeScans:
    """What is made.

    Attributes:
        images: Images of the run.
        first: How many of them, the first ones, are in cluster 0; chance puts the others into three more.
        pictures: How many of them, the first ones, have files.
        drawn_per_class: Different scans that are drawn for the files of each class.
        volumes: Whether they are said to be scans of volumes; then none has a file.
        seed: Seed of what is drawn and of the clusters.
    """

    images: int = 120
    first: int = 30
    pictures: int = 120
    drawn_per_class: int = 3
    volumes: bool = False
    seed: int = 0


def make_result(folder: Path, scans: MadeScans) -> Path:
    """Makes ``folder/images`` and ``folder/result``, and returns the latter."""
    result, images = folder / "result", folder / "images"
    result.mkdir(parents=True)
    random = np.random.default_rng(scans.seed)
    others = random.integers(1, CLUSTERS, scans.images)
    clusters = np.where(np.arange(scans.images) < scans.first, 0, others).astype(np.int32)
    names = [_name(row, scans) for row in range(scans.images)]
    keys = [] if scans.volumes else _write_pictures(images, folder / "drawn", scans)
    keys += [image_key(str(row).encode()).hex() for row in range(len(keys), scans.images)]
    _write_table(result / "assignments.parquet", _make_columns(names, clusters, scans, random), keys)
    record = {
        "run_id": RUN_ID,
        "result_id": RESULT_ID,
        "started": "2026-05-04T03:02:01Z",
        "classes": list(CLASSES),
        "arguments": {"images": str(images)},
        "model_sha256": None,
    }
    (result / "run.json").write_text(json.dumps(record))
    (result / "scores.json").write_text(json.dumps({"run_id": RUN_ID, "result_id": RESULT_ID, "results": []}))
    return result


def _name(row: int, scans: MadeScans) -> str:
    if scans.volumes:
        return f"eye-{row // SCANS_OF_A_VOLUME:04}.vol#{row % SCANS_OF_A_VOLUME + 1}"
    return f"{row // 1000:03}/scan-{row:06}.jpeg"


def _write_pictures(images: Path, drawn: Path, scans: MadeScans) -> list[str]:
    """Drawn scans over and over, each made another file by a few bytes behind its end; returns their keys."""
    write_phantoms(drawn, images_per_class=scans.drawn_per_class, seed=scans.seed)
    contents = [path.read_bytes() for path in sorted(drawn.rglob("*.jpeg"))]
    keys = []
    for row in range(scans.pictures):
        path = images / _name(row, scans)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = contents[row % len(contents)] + row.to_bytes(4, "little")
        path.write_bytes(content)
        keys.append(image_key(content).hex())
    return keys


def _make_columns(
    names: list[str], clusters: NDArray[np.int32], scans: MadeScans, random: np.random.Generator
) -> dict[str, pa.Array]:
    middles = random.normal(0, 6, (CLUSTERS, 4))
    places = (middles[clusters] + random.normal(0, 1, (scans.images, 4))).astype(np.float32)
    noisy = random.random(scans.images) < 0.1
    classes = np.where(noisy, random.integers(0, len(CLASSES), scans.images), clusters)
    patients = np.arange(scans.images) // _IMAGES_PER_PATIENT
    columns = {
        "image": pa.array(names),
        "cluster": pa.array(clusters),
        "label": pa.array([CLASSES[index] for index in classes]),
        "patient": pa.array([f"SECRET-{patient}" for patient in patients]),
        "silhouette": pa.array(random.normal(0.3, 0.2, scans.images).clip(-1, 1).astype(np.float32)),
        "pca_x": pa.array(places[:, 0]),
        "pca_y": pa.array(places[:, 1]),
        "distance": pa.array(random.gamma(9, 1, scans.images).astype(np.float32)),
        "umap_x": pa.array(places[:, 2]),
        "umap_y": pa.array(places[:, 3]),
        "eye": pa.array([("left", "right")[row // SCANS_OF_A_VOLUME % 2] for row in range(scans.images)]),
    }
    if scans.volumes:
        numbers = np.arange(scans.images) % SCANS_OF_A_VOLUME + 1
        columns["scan"] = pa.array(numbers.astype(np.int32))
    return columns


def _write_table(path: Path, columns: dict[str, pa.Array], keys: list[str]) -> None:
    told = {"run_id": RUN_ID, "result_id": RESULT_ID, "space": "0" * 64, "keys": check_of_secret(b"")}
    table = pa.table({**columns, "image_key": pa.array(keys)})
    write_table(
        table.replace_schema_metadata({f"octcluster_{key}": value for key, value in told.items()}), path
    )
