"""The images and patients of a finished run, so that they are not taken for new ones."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from octcluster.images.image_set import Scan
from octcluster.images.keys import check_of_secret


class Seen(StrEnum):
    """Whether a run was made with an image."""

    NO = ""
    IMAGE = "image"
    """The same image was in the run."""
    PATIENT = "patient"
    """Another image of the same patient was in the run."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RunMembers:
    """What is known of the images of a run.

    Attributes:
        image_keys: Their keys; None: not known, or made with another secret.
        patients: Their patients; None: not known.
    """

    image_keys: frozenset[bytes] | None = None
    patients: frozenset[str] | None = None

    def recognize(self, scans: Sequence[Scan], image_keys: Sequence[bytes]) -> list[Seen]:
        """Tells for each image whether the run was made with it, or with its patient.

        Args:
            scans: The images.
            image_keys: Their keys, in the same order.
        """
        return [self._recognize(scan, key) for scan, key in zip(scans, image_keys, strict=True)]

    def _recognize(self, scan: Scan, key: bytes) -> Seen:
        if self.image_keys is not None and key in self.image_keys:
            return Seen.IMAGE
        if self.patients is not None and scan.patient is not None and _as_text(scan.patient) in self.patients:
            return Seen.PATIENT
        return Seen.UNKNOWN if self.image_keys is None else Seen.NO


def read_run_members(folder: Path, run_id: str, key_secret: bytes) -> RunMembers:
    """Reads the images and patients of a run from the folder that ``octcluster run`` wrote.

    Args:
        folder: The folder.
        run_id: Id of the run.
        key_secret: Secret of the keys that will be compared.

    Returns:
        What its assignments.parquet tells; nothing if that is missing, damaged, or of another run, or if
        pyarrow is not installed (extra cli).
    """
    try:
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow.parquet import read_table  # noqa: PLC0415
    except ModuleNotFoundError:
        return RunMembers()
    try:
        table = read_table(folder / "assignments.parquet", columns=["image_key", "patient"])
        told = table.schema.metadata or {}
        if told.get(b"octcluster_run_id", b"").decode() != run_id:
            return RunMembers()
        keys = frozenset(bytes.fromhex(key) for key in table["image_key"].to_pylist())
        patients = frozenset(name for name in table["patient"].to_pylist() if name is not None)
    except (OSError, ValueError, TypeError, pa.ArrowException):
        return RunMembers()
    comparable = told.get(b"octcluster_keys", b"").decode() == check_of_secret(key_secret)
    return RunMembers(keys if comparable else None, patients)


def _as_text(patient: str) -> str:
    """A patient as assignments.parquet spells it."""
    return os.fsencode(patient).decode("utf-8", "backslashreplace")
