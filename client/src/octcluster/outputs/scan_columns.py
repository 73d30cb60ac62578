"""Columns of tables for what is known of scans beside class and patient."""

from collections.abc import Sequence

from octcluster.images.image_set import Scan
from octcluster.images.readers.reader import ScanFacts

_DECIMALS = 6
_FIELDS = {"eye": "eye", "visit": "visit", "device": "device", "scan": "number"}


def name_scan_columns(scans: Sequence[Scan]) -> list[str]:
    """Those of ``eye``, ``visit``, ``device`` and ``scan`` (number in its file) that any scan has."""
    return [
        name for name, field in _FIELDS.items() if any(getattr(scan, field) is not None for scan in scans)
    ]


def list_scan_columns(
    scans: Sequence[Scan], names: Sequence[str] | None = None
) -> dict[str, list[str | int | None]]:
    """Lists what is known of scans.

    Args:
        scans: The rows of the table, or some of them.
        names: Names of the columns; None: those of ``name_scan_columns``.

    Returns:
        Values by name of the column, None where unknown.
    """
    names = name_scan_columns(scans) if names is None else names
    return {name: [getattr(scan, _FIELDS[name]) for scan in scans] for name in names}


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
