"""Columns of tables for what is known of scans beside class and patient."""

from collections.abc import Sequence

from octcluster.images.image_set import Scan
from octcluster.images.readers.reader import ScanFacts

_DECIMALS = 6


def list_scan_columns(scans: Sequence[Scan]) -> dict[str, list[str | int | None]]:
    """Lists ``eye``, ``visit``, ``device`` and ``scan`` (number in its file), each if it is known of any.

    Args:
        scans: The rows of the table.

    Returns:
        Values by name of the column, None where unknown.
    """
    columns: dict[str, list[str | int | None]] = {
        "eye": [scan.eye for scan in scans],
        "visit": [scan.visit for scan in scans],
        "device": [scan.device for scan in scans],
        "scan": [scan.number for scan in scans],
    }
    return {name: values for name, values in columns.items() if any(value is not None for value in values)}


def list_spacing_columns(scans: Sequence[Scan]) -> dict[str, list[float | None]]:
    """Lists ``axial_mm``, ``lateral_mm`` and ``distance_mm``; see ScanFacts and list_scan_columns."""
    if all(scan.facts is None for scan in scans):
        return {}
    nothing = ScanFacts()
    facts = [scan.facts or nothing for scan in scans]
    columns = {
        name: [
            None if (value := getattr(found, name)) is None else round(value, _DECIMALS) for found in facts
        ]
        for name in ("axial_mm", "lateral_mm", "distance_mm")
    }
    return {name: values for name, values in columns.items() if any(value is not None for value in values)}
