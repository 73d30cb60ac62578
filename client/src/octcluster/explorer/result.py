"""A finished run, column by column, as the explorer works with it."""

import csv
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from octcluster.images.formulas import unquote_formula
from octcluster.images.image_set import Scan
from octcluster.model.errors import InvalidArguments
from octcluster.workflows.finished_runs import FinishedRun, find_run
from octcluster.workflows.result_files import PARQUET_PREFIX
from octcluster.workflows.result_id import RESULT_ID

TABLE = "assignments.parquet"
UNKNOWN = -1
_CLUSTER_SHARE = 0.99
_ESCAPED_BYTE = re.compile(r"\\x([89a-f][0-9a-f])")

Codes = NDArray[np.int32]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Category:
    """A column of names, each image with one of them or none.

    Attributes:
        values: The names, each once, sorted.
        codes: int32, shape (n_images,): position of each image's name; -1 unknown.
    """

    values: Sequence[str]
    codes: Codes

    def value(self, row: int) -> str | None:
        """The name of an image; None if unknown."""
        code = int(self.codes[row])
        return None if code == UNKNOWN else self.values[code]


@dataclass(frozen=True)
class Result:
    """What a run's folder tells of its images, in the order of ``assignments.csv``.

    Attributes:
        run: The run.
        folder: Its folder.
        started: When it began, as ``2026-05-04T03:02:01Z``.
        result_id: Name of its result.
        key_check: Tells whether image keys were made under a secret; see ``keys.check_of_secret``.
        source: What the run was called with: a folder, a list of paths, or a volume.
        root: Folder that the names are relative to, there or not.
        of_vectors: Whether the run was of vectors out of a file: its keys are not those of images.
        names: Name of each image; stays on this machine.
        image_keys: Key of each image.
        clusters: int32, shape (n_images,): cluster of each image; -1 noise.
        categories: Class, patient, eye, visit, device and volume, each if known of any image.
        numbers: Number of each scan in its file, int32; -1: a plain image. None: all are plain images.
        maps: Coordinates by name: ``pca_x``, ``pca_y``, ``umap_x``, ``umap_y``.
        silhouettes: float32; NaN where undefined.
        distances: float32: distance to the mean of the cluster; NaN for noise.
        outliers: uint8: whether the image is farther from the mean than 99% of its cluster.
        duplicates: uint8: whether another image is nearly the same.
    """

    run: FinishedRun
    folder: Path
    started: str
    result_id: str
    key_check: str
    source: Path
    root: Path
    of_vectors: bool
    names: Sequence[str]
    image_keys: Sequence[str]
    clusters: Codes
    categories: Mapping[str, Category]
    numbers: Codes | None
    maps: Mapping[str, Floats]
    silhouettes: Floats
    distances: Floats
    outliers: NDArray[np.uint8]
    duplicates: NDArray[np.uint8]

    def name(self, row: int) -> str:
        """The name of a row, as the file system has it."""
        return _to_file_name(self.names[row])

    def scan(self, row: int) -> Scan:
        """The scan of a row, to read its pixels."""
        number = UNKNOWN if self.numbers is None else int(self.numbers[row])
        return Scan(self.root, self.name(row), number=None if number == UNKNOWN else number)


def read_result(reference: str, images: Path | None = None) -> Result:
    """Reads the folder of a finished run.

    Args:
        reference: The folder.
        images: Folder of the images, or list of paths; None: the one that the run was called with.

    Raises:
        InvalidArguments: It is no such folder, its files are of several runs, its table is missing or
            damaged, or there are no such images.
    """
    run = find_run(reference) if (Path(reference) / "run.json").is_file() else None
    if run is None or run.folder is None:
        raise InvalidArguments(_explain_no_run(Path(reference)))
    if images is not None and not images.exists():
        raise InvalidArguments(
            f"--images {images} does not exist: name the folder of the run's images, or their list of paths"
        )
    table, told = _read_table(run.folder / TABLE)
    source = images or _find_recorded(run)
    names: list[str] = table["image"].to_pylist()
    clusters = _integers(table["cluster"])
    distances = _floats(table["distance"])
    record = json.loads((run.folder / "run.json").read_bytes())
    return Result(
        run=run,
        folder=run.folder,
        started=str(record.get("started", "")),
        result_id=told["result_id"],
        key_check=told["keys"],
        source=source,
        root=_find_root(source),
        of_vectors=record.get("runtime") == "",  # nothing has made vectors of images
        names=names,
        image_keys=table["image_key"].to_pylist(),
        clusters=clusters,
        categories=_find_categories(table),
        numbers=_integers(table["scan"]) if "scan" in table.column_names else None,
        maps={
            name: _floats(table[name])
            for name in ("pca_x", "pca_y", "umap_x", "umap_y")
            if name in table.column_names
        },
        silhouettes=_floats(table["silhouette"]),
        distances=distances,
        outliers=find_outliers(clusters, distances),
        duplicates=_find_duplicates(run.folder / "duplicates.csv", names),
    )


def _explain_no_run(folder: Path) -> str:
    """Why a folder cannot be explored; that of an assignment names the run, which can be."""
    try:
        assigned_to = json.loads((folder / "assign.json").read_bytes())["arguments"]["run"]
    except (OSError, ValueError, KeyError, TypeError):
        return (
            f"{folder} is no folder of a finished run: give the folder that 'octcluster run' wrote its "
            "outputs into"
        )
    return (
        f"{folder} holds the output of 'octcluster assign', which has no groups of its own: explore the run "
        f"that its images were assigned to, {assigned_to}"
    )


def read_result_id(folder: Path) -> str:
    """Which result is in a folder now; empty if none is, as while another one is being written."""
    try:
        return str(json.loads((folder / "run.json").read_bytes())[RESULT_ID])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def find_outliers(clusters: Codes, distances: Floats) -> NDArray[np.uint8]:
    """uint8, shape (n_images,): 1 for images farther from the mean than 99% of their cluster.

    Args:
        clusters: int32, shape (n_images,): cluster of each image.
        distances: float32, shape (n_images,): distance to its mean; NaN unknown, which is no outlier.
    """
    outliers = np.zeros(len(clusters), dtype=np.uint8)
    for cluster in np.unique(clusters):
        rows = np.flatnonzero((clusters == cluster) & np.isfinite(distances))
        if len(rows):
            border = np.quantile(distances[rows], _CLUSTER_SHARE, method="inverted_cdf")
            outliers[rows] = distances[rows] > border
    return outliers


def _read_table(path: Path) -> tuple[Any, dict[str, str]]:
    """The table but for vectors, and what its metadata tell."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415

    cure = "do the run again with this release, into a new folder"
    if not path.is_file():
        raise InvalidArguments(f"there is no {path}: {cure}")
    try:
        with ParquetFile(path) as file:  # read_table would import all of pyarrow's data sets
            table = file.read([name for name in file.schema_arrow.names if name != "vector"])
        told = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        needed = {name: told[f"{PARQUET_PREFIX}{name}"] for name in ("run_id", "result_id", "keys")}
        for name in ("image", "image_key", "cluster", "distance", "silhouette"):
            table[name]
    except (OSError, ValueError, KeyError, pa.ArrowException):
        raise InvalidArguments(f"{path} is damaged, or is none of octcluster's: {cure}") from None
    return table, needed


def _find_recorded(run: FinishedRun) -> Path:
    """What the run was called with; a relative path may be meant from where the outputs lie."""
    recorded = Path(str(run.arguments.get("images")))
    beside = (run.folder or Path()).absolute().parent / recorded
    return beside if not recorded.exists() and beside.exists() else recorded


def _find_root(images: Path) -> Path:
    """See ``folder.open_source``: names are relative to the folder, or to that of the list or volume."""
    return images.parent if images.is_file() else images


def _find_categories(table: Any) -> dict[str, Category]:
    sources = {"class": "label"} | {name: name for name in ("patient", "eye", "visit", "device")}
    found = {
        name: make_category(table[column].to_pylist())
        for name, column in sources.items()
        if column in table.column_names
    }
    if "scan" in table.column_names:
        scans = zip(table["image"].to_pylist(), table["scan"].to_pylist(), strict=True)
        found["volume"] = make_category(
            [None if number is None else name.removesuffix(f"#{number}") for name, number in scans]
        )
    return {name: category for name, category in found.items() if category.values}


def make_category(names: Sequence[str | None]) -> Category:
    """Makes a column of names; None is unknown."""
    values = sorted({name for name in names if name is not None})
    code_of: dict[str | None, int] = {name: code for code, name in enumerate(values)}
    return Category(values, np.array([code_of.get(name, UNKNOWN) for name in names], dtype=np.int32))


def _find_duplicates(path: Path, names: Sequence[str]) -> NDArray[np.uint8]:
    """Which images are in ``duplicates.csv``; a table that cannot be read marks none."""
    found: set[str] = set()
    if path.is_file():
        with path.open(encoding="utf-8", errors="backslashreplace", newline="") as file:
            for row in csv.DictReader(file):
                found |= {unquote_formula(row.get(column) or "") for column in ("image", "other_image")}
    return np.array([name in found for name in names], dtype=np.uint8)


def _integers(column: Any) -> Codes:
    """int32, -1 where unknown."""
    values: Codes = column.combine_chunks().fill_null(UNKNOWN).to_numpy(zero_copy_only=False)
    return values.astype(np.int32)


def _floats(column: Any) -> Floats:
    """float32, NaN where unknown."""
    values: Floats = column.combine_chunks().to_numpy(zero_copy_only=False)
    return values.astype(np.float32)


def _to_file_name(name: str) -> str:
    r"""A name as the file system has it: the table spells bytes that are no UTF-8 as ``\xe9``."""
    if not _ESCAPED_BYTE.search(name):
        return name
    pieces = _ESCAPED_BYTE.split(name)
    content = b"".join(
        bytes.fromhex(piece) if position % 2 else os.fsencode(piece) for position, piece in enumerate(pieces)
    )
    return os.fsdecode(content)
