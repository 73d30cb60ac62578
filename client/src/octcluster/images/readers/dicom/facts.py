"""What a DICOM header tells of each frame: patient, eye, visit, device, volume, position, spacing."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import dist, isfinite
from typing import Any, cast

from octcluster.images.readers.dicom.file import DicomFile, read_integer
from octcluster.images.readers.header_values import (
    NO_EYE,
    as_day,
    as_eye,
    as_millimetres,
    as_text,
    name_volume,
)
from octcluster.images.readers.reader import Eye, ScanFacts

# The content of a capture has the day on which it was exported.
_DATES = ("AcquisitionDateTime", "AcquisitionDate", "StudyDate", "ContentDate")


@dataclass(frozen=True, slots=True)
class _Frame:
    """What its functional groups tell of one frame; None: nothing."""

    eyes: tuple[str, ...]
    stack: str
    in_stack: int | None
    spacing: tuple[float, float] | None
    slices_mm: float | None
    place: tuple[float, ...] | None


def tell_facts(file: DicomFile, n_frames: int) -> tuple[list[ScanFacts], list[str]]:
    """Tells the facts of each frame, and what a person should know of them.

    Args:
        file: The open file.
        n_frames: Number of its frames.

    Returns:
        The facts in the order of the frames, and warnings.
    """
    header = file.header
    frames = list(_read_frames(header, n_frames))
    warnings = []
    eyes = [_tell_eye(header, frame) for frame in frames]
    if any(contradicts for _, contradicts in eyes):
        warnings.append(
            "The file names both eyes: that of the imaged region counts, then that of the frame, then that "
            "of the series"
        )
    if any(eye is None for eye, _ in eyes):
        warnings.append(NO_EYE)
    same = ScanFacts(
        patient=_text(header, "PatientID"),
        visit=_tell_visit(header),
        device=_tell_device(header),
        height=read_integer(header, "Rows"),
        width=read_integer(header, "Columns"),
        bits=read_integer(header, "BitsStored", read_integer(header, "BitsAllocated")),
    )
    volume = _tell_volume(file, n_frames)
    positions = _tell_positions(header, frames)
    scans = []
    for index, frame in enumerate(frames):
        eye = eyes[index][0]
        scans.append(
            replace(
                same,
                eye=eye,
                volume=volume and _digest(f"{volume} {same.patient} {frame.stack} {eye}"),
                position=positions[index],
                axial_mm=frame.spacing and frame.spacing[0],
                lateral_mm=frame.spacing and frame.spacing[1],
                distance_mm=_tell_distance(frame, frames[index - 1] if index else None),
            )
        )
    return scans, warnings


def _read_frames(header: Any, n_frames: int) -> Iterator[_Frame]:
    shared = _first(header, "SharedFunctionalGroupsSequence")
    groups = _get(header, "PerFrameFunctionalGroupsSequence") or ()
    # A sequence of another length does not say which of its items is of which frame.
    own: Sequence[Any] = groups if len(groups) == n_frames else [None] * n_frames
    for group in own:
        anatomies = [_first(source, "FrameAnatomySequence") for source in (shared, group)]
        content = _first(group, "FrameContentSequence")
        measures = [_first(source, "PixelMeasuresSequence") for source in (shared, group)]
        plane = _first(group, "PlanePositionSequence")
        in_stack = _get(content, "InStackPositionNumber")
        yield _Frame(
            eyes=tuple(str(_get(anatomy, "FrameLaterality") or "") for anatomy in anatomies),
            stack=str(_get(content, "StackID") or ""),
            in_stack=in_stack if isinstance(in_stack, int) and in_stack > 0 else None,
            spacing=cast("tuple[float, float] | None", _lengths(measures, "PixelSpacing", 2)),
            slices_mm=(_lengths(measures, "SpacingBetweenSlices", 1) or (None,))[0],
            place=_numbers(_get(plane, "ImagePositionPatient"), 3),
        )


def _first(source: Any, keyword: str) -> Any:
    """The first item of a sequence; None: there is none."""
    found = _get(source, keyword)
    return found[0] if found else None


def _get(source: Any, keyword: str) -> Any:
    """A value; None: there is none, or it is none of its kind, which costs a fact and not the file."""
    try:
        return source.get(keyword) if source is not None else None
    except Exception:  # pydicom raises what converting the value raises
        return None


def _whole(source: Any, keyword: str) -> int | None:
    found = _numbers(_get(source, keyword), 1)
    return int(found[0]) if found else None


def _lengths(sources: Sequence[Any], keyword: str, count: int) -> tuple[float, ...] | None:
    """Lengths in millimetres out of the first source that has them."""
    for source in sources:
        found = _numbers(_get(source, keyword), count)
        if found and all(as_millimetres(number) for number in found):
            return found
    return None


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    values = value if isinstance(value, (list, tuple)) or hasattr(value, "__iter__") else [value]
    try:
        numbers = tuple(float(number) for number in values)
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and all(map(isfinite, numbers)) else None


def _tell_eye(header: Any, frame: _Frame) -> tuple[Eye | None, bool]:
    """The eye by the first place that names one, and whether another place names the other eye."""
    of_image, of_series = (str(_get(header, keyword) or "") for keyword in ("ImageLaterality", "Laterality"))
    said = [of_image, *frame.eyes, of_series]
    eyes = [eye for eye in map(as_eye, said) if eye]
    return (eyes[0] if eyes else None), len(set(eyes)) > 1


def _tell_volume(file: DicomFile, n_frames: int) -> str | None:
    """What all files of a volume share: their concatenation or, for files of one frame, their series.

    A file of several frames is told by its content and not by its instance, which careless programs give to
    many files.
    """
    shared = _text(file.header, "ConcatenationUID")
    return shared or (name_volume(file.path) if n_frames > 1 else _text(file.header, "SeriesInstanceUID"))


def _tell_positions(header: Any, frames: Sequence[_Frame]) -> list[int | None]:
    """Places from 0: those in the stack where all frames have one of their own, else the order of frames."""
    if len(frames) == 1 and not _get(header, "ConcatenationUID"):
        # The stack of a file of one frame mostly has that frame only.
        number = _whole(header, "InstanceNumber") or frames[0].in_stack or 0
        return [number - 1 if number > 0 else None]
    places = Counter((frame.stack, frame.in_stack) for frame in frames)
    if max(places.values()) == 1 and all(frame.in_stack is not None for frame in frames):
        return [frame.in_stack - 1 for frame in frames if frame.in_stack is not None]
    first = max(0, _whole(header, "ConcatenationFrameOffsetNumber") or 0)
    return list(range(first, first + len(frames)))


def _tell_distance(frame: _Frame, before: _Frame | None) -> float | None:
    if before is not None and frame.place and before.place and frame.place != before.place:
        return round(dist(frame.place, before.place), 6)
    return frame.slices_mm


def _tell_visit(header: Any) -> str | None:
    """The day of acquisition as ``2024-01-31``; None: there is none that can be true."""
    for keyword in _DATES:
        found = re.match(r"(\d{4})\.?(\d{2})\.?(\d{2})", str(_get(header, keyword) or "").strip())
        if found and (day := as_day(*map(int, found.groups()))):
            return day
    return None


def _tell_device(header: Any) -> str | None:
    """Maker and model; the maker once where the model begins with it."""
    maker, model = _text(header, "Manufacturer"), _text(header, "ManufacturerModelName")
    if maker and model:
        return model if model.casefold().startswith(maker.casefold()) else f"{maker} {model}"
    return maker or model


def _text(header: Any, keyword: str) -> str | None:
    """Text on one line; None: there is none."""
    value = _get(header, keyword)
    several = hasattr(value, "__iter__") and not isinstance(value, str)
    return as_text("\\".join(map(str, value)) if several else str(value or ""))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
