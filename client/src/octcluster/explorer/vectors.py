"""The prepared vectors of a result's images: fetched once, kept in the cache, and read piece by piece."""

import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from octcluster.explorer.jobs import Job, Jobs
from octcluster.explorer.kept import Kept
from octcluster.explorer.result import UNKNOWN, Result
from octcluster.images.image_set import Scan
from octcluster.local.private_folders import make_private_folder
from octcluster.model.errors import NotThere
from octcluster.model.progress import Progress
from octcluster.workflows.run_vectors import RunImages, fetch_prepared
from octcluster.workflows.services import ServiceOptions

_BYTES_AT_ONCE = 8 << 20
_MOST_BYTES = 4 << 30

VectorArray = NDArray[np.float32]


class Vectors:
    """Prepared vectors, float32, shape (n_images, prepared_dimension); rows that are lost are NaN.

    Args:
        result: The result.
        cache: Folder for them; made if need be, for this user alone.
        options: Services that have them.
        jobs: Does the fetching.
    """

    def __init__(self, result: Result, cache: Path, options: ServiceOptions, jobs: Jobs) -> None:
        self._result = result
        self._file = cache / f"{result.result_id}.npy"
        self._options = options
        self._kept: Kept[VectorArray] = Kept(jobs, self._open, self._fetch)

    def find(self) -> VectorArray | Job:
        """The vectors; or the job that fetches them; see Kept."""
        return self._kept.find()

    def _open(self) -> VectorArray | None:
        """What the cache has; None if that is nothing, or damaged."""
        try:
            vectors: VectorArray = np.load(self._file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError):
            return None
        fits = vectors.ndim == 2 and len(vectors) == len(self._result.names)
        return vectors if fits and vectors.dtype == np.float32 else None

    def _fetch(self, progress: Progress) -> None:
        progress.message("Finding the vectors: starting the services of the run, or asking them")
        keys = [bytes.fromhex(key) for key in self._result.image_keys]
        rows_of: dict[bytes, list[int]] = {}
        for row, key in enumerate(keys):
            rows_of.setdefault(key, []).append(row)
        make_private_folder(self._file.parent)
        part = self._file.with_name(f"{self._file.name}.{secrets.token_hex(4)}.part")
        kept: list[VectorArray] = []

        def take(found: Sequence[bytes], content: bytes) -> None:
            values = np.frombuffer(content, dtype="<f4").reshape(len(found), -1)
            if not kept:
                kept.append(_make_file(part, len(keys), values.shape[1]))
            for key, vector in zip(found, values, strict=True):
                kept[0][rows_of[key]] = vector

        try:
            fetch_prepared(self._result.run, self._list_images(keys), self._options, progress, take)
            if not kept:
                raise NotThere(
                    "no vector of these images is in the cache, and none of their files can be read: name "
                    "their folder (--images FOLDER), or the cache of the run (--cache-dir DIR)"
                )
            kept.clear()
            part.replace(self._file)
        finally:
            part.unlink(missing_ok=True)

    def _list_images(self, keys: Sequence[bytes]) -> RunImages:
        return list_images(self._result, range(len(keys)))


def list_images(result: Result, rows: Sequence[int]) -> RunImages:
    """Some images of a result, as workflows take them."""
    patients = result.categories.get("patient")
    codes = [UNKNOWN] * len(rows) if patients is None else patients.codes[list(rows)].tolist()

    def find_scan(position: int) -> Scan:
        return result.scan(rows[position])

    return RunImages(
        [bytes.fromhex(result.image_keys[row]) for row in rows],
        [None if code == UNKNOWN else code for code in codes],
        find_scan,
    )


def read_blocks(vectors: VectorArray) -> Iterator[tuple[slice, VectorArray]]:
    """The vectors, some MiB at a time: of a file, no more is held."""
    rows = max(1, _BYTES_AT_ONCE // (4 * vectors.shape[1]))
    for start in range(0, len(vectors), rows):
        part = slice(start, min(start + rows, len(vectors)))
        yield part, np.asarray(vectors[part])


def _make_file(path: Path, rows: int, dimension: int) -> VectorArray:
    """An array in a new file of this user's alone, all NaN."""
    if 4 * rows * dimension > _MOST_BYTES:
        raise NotThere(
            f"the prepared vectors of {rows:,} images have {dimension:,} values each, too many to compare: "
            "do the run with a recipe that reduces them (--pca 64)"
        )
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, dimension))
    array[:] = np.nan
    return array
