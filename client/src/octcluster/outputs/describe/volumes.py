"""What the volumes of a set of images are, for describe.json, the page and the terminal."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from octcluster.outputs.pages import Table, Text
from octcluster.outputs.wording.words import count, show_text
from octcluster.workflows.volumes import Spacing, VolumeSummary

K = TypeVar("K")

_UNKNOWN = "unknown"
_SHOWN = 20


def record_volumes(summary: VolumeSummary | None) -> dict[str, object] | None:
    """What describe.json says; None if all images are plain."""
    if summary is None:
        return None
    return {
        "volumes": summary.volumes,
        "scans": summary.scans,
        "fewest_scans": summary.fewest_scans,
        "median_scans": summary.median_scans,
        "most_scans": summary.most_scans,
        "files": dict(summary.files),
        "left_out": dict(summary.left_out),
        "known_eyes": summary.known_eyes,
        "eyes": [{"eye": eye, "volumes": number} for eye, number in _by_number(summary.eyes)],
        "devices": [{"device": device, "volumes": number} for device, number in _by_number(summary.devices)],
        "spacings": [
            {**spacing._asdict(), "volumes": number} for spacing, number in _by_number(summary.spacings)
        ],
    }


def describe_volumes(summary: VolumeSummary | None) -> list[str]:
    """What people are told in short; nothing if all images are plain."""
    if summary is None:
        return []
    files = ", ".join(f"{number:,} {name}" for name, number in summary.files.items())
    sizes = (
        f"{summary.most_scans:,} each"
        if summary.fewest_scans == summary.most_scans
        else f"{summary.fewest_scans:,} to {summary.most_scans:,} each"
    )
    sentences = [
        f"{count(summary.volumes, 'volume')} with {count(summary.scans, 'B-scan')}, {sizes} (files: {files})."
    ]
    eyes = [f"{number:,} of {eye or 'an unknown eye'}" for eye, number in _by_number(summary.eyes)]
    if summary.known_eyes:
        sentences.append(f"Volumes by eye: {', '.join(eyes)}; {count(summary.known_eyes, 'known eye')}.")
    devices = [show_text(device or _UNKNOWN) for device, _ in _by_number(summary.devices)]
    if devices != [_UNKNOWN]:
        sentences.append(f"Devices: {', '.join(devices)}.")
    spacings = _by_number(summary.spacings)
    if any(spacing != Spacing(None, None, None) for spacing, _ in spacings):
        shown = [_show_spacing(spacing) for spacing, _ in spacings[:2]]
        more = f" and {len(spacings) - 2:,} others" if len(spacings) > 2 else ""
        sentences.append(
            f"Spacing (height of a pixel x width x from B-scan to B-scan): {'; '.join(shown)}{more}."
        )
    return sentences


def show_volumes(summary: VolumeSummary) -> list[Text | Table]:
    """The section of the page."""
    found: list[tuple[str, str, int]] = [
        *(("format of files", name, number) for name, number in summary.files.items()),
        *(("eye", eye or _UNKNOWN, number) for eye, number in _by_number(summary.eyes)),
        *(("device", device or _UNKNOWN, number) for device, number in _by_number(summary.devices)),
        *(("spacing", _show_spacing(each), number) for each, number in _by_number(summary.spacings)[:_SHOWN]),
        *(("left out", name, number) for name, number in summary.left_out.items()),
    ]
    rows: list[list[str | int | float | None]] = [
        [what, show_text(value), number] for what, value, number in found
    ]
    table = Table("volumes-table", "Volumes by what their files tell", ["what", "value", "number"], rows)
    return [Text(describe_volumes(summary)), table]


def _by_number(counts: Mapping[K, int]) -> Sequence[tuple[K, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))


def _show_spacing(spacing: Spacing) -> str:
    return " x ".join("unknown" if value is None else f"{value:g}" for value in spacing) + " mm"
