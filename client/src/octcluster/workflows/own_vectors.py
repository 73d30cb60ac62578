"""Vectors that somebody brings, with what is known of the image of each: no image file is read.

VECTORS.parquet ─┐
VECTORS.npy ─────┼─▶ names, labels, patients ─▶ ImageSet
array, frame ────┘   numbers ─▶ VectorValues
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from octcluster.images.image_set import ImageSet, Scan
from octcluster.images.labels import label_images
from octcluster.images.naming.folder_names import eye_of
from octcluster.images.naming.spellings import fold, is_missing
from octcluster.model.errors import InvalidImageSet
from octcluster.model.own_vectors import own_space
from octcluster.model.runs import EmbeddingSpace
from octcluster.workflows.extras import check_extra
from octcluster.workflows.vector_table import find_columns, read_space, read_values
from octcluster.workflows.vector_values import NUMPY_MAGIC, VectorValues, read_array, read_numpy

_PARQUET_MAGIC = b"PAR1"
_UNREAD_ENDINGS = (".npz", ".pkl", ".pickle", ".pt", ".pth", ".joblib")
_KNOWN = ("label", "patient", "eye", "visit")
BY_COLUMNS = "columns"
"""Where labels come from that stand beside their vectors."""


@dataclass(frozen=True)
class OwnVectors:
    """Vectors, and the images that they are of.

    Attributes:
        image_set: The images, sorted by name.
        space: The space of the vectors.
        values: The vectors as they were brought.
        row_of: The row of each image's vector, by ``Scan.order``.
    """

    image_set: ImageSet
    space: EmbeddingSpace
    values: VectorValues
    row_of: dict[tuple[str, int], int]

    def vector(self, scan: Scan) -> bytes:
        """The vector of an image, little-endian values."""
        return self.values[self.row_of[scan.order]]

    def digest(self) -> str:
        """Tells these vectors from others."""
        return blake2b(self.values.data, digest_size=16, key=self.space.digest).hexdigest()


def is_vectors(source: Any) -> bool:
    """Whether a file, as its beginning tells, an array or a data frame holds vectors.

    Raises:
        InvalidImageSet: It is a file of a kind that may hold vectors, and is not read.
    """
    if hasattr(source, "columns") and hasattr(source, "to_csv"):
        return True
    if hasattr(source, "ndim"):
        return bool(source.ndim == 2 and source.dtype.kind == "f")
    if not isinstance(source, str | Path) or not Path(source).is_file():
        return False
    file = Path(source)
    if file.suffix.lower() in _UNREAD_ENDINGS:
        raise InvalidImageSet(
            f"{file} is no image, and vectors are read out of .npy and Parquet files alone: save them with "
            "numpy.save(), or in a data frame with to_parquet()"
        )
    try:
        with file.open("rb") as opened:
            return opened.read(len(NUMPY_MAGIC)).startswith((NUMPY_MAGIC, _PARQUET_MAGIC))
    except OSError as error:
        raise InvalidImageSet(f"cannot read {file}: {error.strerror}") from error


def read_vectors(source: Any, labels: str = "auto") -> OwnVectors:
    """Reads vectors of which ``is_vectors`` is true.

    Args:
        source: The file, array or data frame.
        labels: Where labels come from: ``auto``: the columns beside the vectors, else as for images; all else
            as for images, see ``label_images``. Patients, eyes and visits come from columns that tell them.

    Raises:
        InvalidImageSet: They cannot be used; the message says why.
        ExtraNotInstalled: pyarrow is not installed.
    """
    check_extra("cli")
    if hasattr(source, "columns"):
        import pyarrow as pa  # noqa: PLC0415

        try:
            table = pa.Table.from_pandas(source, preserve_index=False)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise InvalidImageSet(f"the data frame cannot be read: {error}") from error
        return _take_table("the data frame", Path(), table, labels)
    if hasattr(source, "ndim"):
        return _take_rows(Path(), read_array(source), labels)
    file = Path(source)
    with file.open("rb") as opened:
        is_numpy = opened.read(len(NUMPY_MAGIC)) == NUMPY_MAGIC
    if is_numpy:
        return _take_rows(file.parent, read_numpy(file), labels)
    return _take_table(str(file), file.parent, _read_parquet(file), labels)


def _read_parquet(file: Path) -> Any:
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow.parquet import read_table  # noqa: PLC0415

    try:
        return read_table(file)
    except (OSError, pa.ArrowException) as error:
        raise InvalidImageSet(f"{file} is damaged, or no Parquet file: {error}") from None


def _take_rows(root: Path, values: VectorValues, labels: str) -> OwnVectors:
    """Vectors without names are called by their row, from 0."""
    scans = [Scan(root, f"{row:07d}") for row in range(values.count)]
    return _gather(scans, own_space(values.dimension, values.data_type), values, labels, has_labels=False)


def _take_table(named: str, root: Path, table: Any, labels: str) -> OwnVectors:
    values, of_vectors = read_values(named, table)
    columns = find_columns(named, table.column_names, of_vectors)
    if "image" in columns:
        names = [None if name is None else str(name) for name in table[columns["image"]].to_pylist()]
        _check_names(f"{named}, column '{columns['image']}'", names)
    else:
        names = [f"{row:07d}" for row in range(values.count)]
    known = {
        meaning: list(map(_as_text, table[columns[meaning]].to_pylist())) if meaning in columns else nothing
        for nothing in [[None] * values.count]
        for meaning in _KNOWN
    }
    numbers = table["scan"].to_pylist() if "scan" in table.column_names else [None] * values.count
    scans = [
        Scan(
            root,
            str(name),
            known["label"][row],
            known["patient"][row],
            eye_of(fold(known["eye"][row] or "")),
            known["visit"][row],
            number=number if isinstance(number, int) and str(name).endswith(f"#{number}") else None,
        )
        for row, (name, number) in enumerate(zip(names, numbers, strict=True))
    ]
    space = read_space(table.schema.metadata, values)
    return _gather(scans, space, values, labels, has_labels="label" in columns)


def _gather(
    scans: Sequence[Scan], space: EmbeddingSpace, values: VectorValues, labels: str, *, has_labels: bool
) -> OwnVectors:
    """Sorts the images by name and gives them labels, if these do not stand beside the vectors."""
    row_of = {scan.order: row for row, scan in enumerate(scans)}
    ordered = sorted(scans, key=lambda scan: scan.order)
    root = ordered[0].root
    if labels == "auto" and has_labels:
        return OwnVectors(ImageSet(root, ordered, BY_COLUMNS), space, values, row_of)
    found = label_images([Scan(root, scan.name, number=scan.number) for scan in ordered], labels)
    images = [
        replace(
            scan,
            label=told.label,
            patient=scan.patient or told.patient,
            eye=scan.eye or told.eye,
            visit=scan.visit or told.visit,
            device=told.device,
            split=told.split,
        )
        for scan, told in zip(ordered, found.images, strict=True)
    ]
    image_set = ImageSet(root, images, found.source, stray_rows=found.stray_rows, notes=found.notes)
    return OwnVectors(image_set, space, values, row_of)


def _check_names(where: str, names: Sequence[str | None]) -> None:
    empty = [row for row, name in enumerate(names) if not name]
    if empty:
        raise InvalidImageSet(f"{where}: row {empty[0]} (from 0) is empty: name it")
    ((name, times),) = Counter(names).most_common(1)
    if times > 1:
        raise InvalidImageSet(f"{where}: {name} comes {times} times: give each row its own name")


def _as_text(value: Any) -> str | None:
    """What a cell says; None for nothing. Numbers as spreadsheets make them of ids lose their '.0'."""
    if value is None or value != value:  # NaN  # noqa: PLR0124
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    return None if not text or is_missing(text) else text
