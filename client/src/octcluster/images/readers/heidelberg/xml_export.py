"""Heidelberg XML export: an XML file that says what the images beside it are."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import dist
from pathlib import Path
from typing import Any, Literal, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers import header_values as values
from octcluster.images.readers.heidelberg.export_images import FolderFiles, decode, measure
from octcluster.images.readers.reader import Eye, Pixels, ScanFacts, SourceFile

_MAX_BYTES = 64 * 2**20
_MAX_EVENTS = 400_000
_BLOCK = 2**16
_TOO_LARGE = "the XML file is larger than any export: export the volume again"
# What the export says of layers and thickness is most of the file, and of no use here.
_UNUSED = ("Segmentation", "ThicknessGrid")
# Distances between B-scans that differ more from each other have no common value: a radial scan, for example.
_UNEVEN = 0.1
_Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Image:
    """An image that the export names; ``file`` is None if it is not there, ``size`` if it is unreadable."""

    kind: str
    file: Path | None
    size: tuple[int, int, Literal[8, 16]] | None
    eye: str
    lateral_mm: float | None
    axial_mm: float | None
    start: _Place | None


@dataclass(frozen=True, slots=True)
class _Series:
    """Images that were taken together: of a volume, its B-scans and its fundus image."""

    patient: str | None
    visit: str | None
    device: str | None
    eye: str
    images: Sequence[_Image]
    promised_images: float

    @property
    def scans(self) -> list[_Image]:
        """The B-scans that the export names."""
        return [image for image in self.images if image.kind == "OCT"]

    @property
    def promised(self) -> int:
        """Number of the B-scans that the export promises: more than it names, if it is cut short."""
        named, images = len(self.scans), self.promised_images
        return max(named, int(images) - len(self.images) + named) if 0 < images <= values.MAX_SCANS else named


class HeidelbergXmlReader:
    """Reads Heidelberg XML exports, whose images lie in the same folder. Needs Pillow."""

    format = "Heidelberg XML export"
    endings: Sequence[str] = ()

    def recognises(self, head: bytes) -> bool:
        """See ``reader.Reader``."""
        return b"<HEDX" in head[:2048].replace(b"\0", b"")

    def look(self, path: Path) -> SourceFile:
        """See ``reader.Reader``. The headers of the images are read."""
        scans: list[ScanFacts] = []
        left_out: Counter[str] = Counter()
        warnings: list[str] = []
        parts: list[Path] = []
        for number, series in enumerate(_read_export(path), start=1):
            found = list(_tell_facts(series, values.name_volume(path, number)))
            scans += found
            warnings += values.tell_lost_scans(len(found), series.promised)
            if found and found[0].eye is None:
                warnings.append(values.NO_EYE)
            parts += [image.file for image in series.images if image.file is not None]
            left_out.update(_name_kind(image.kind) for image in series.images if image.kind != "OCT")
        return SourceFile(self.format, scans, left_out, list(dict.fromkeys(warnings)), parts)

    def read(self, path: Path, numbers: Sequence[int]) -> Iterator[Pixels]:
        """See ``reader.Reader``."""
        scans = [scan for series in _read_export(path) for scan in series.scans]
        files = [scan.file for scan in scans if scan.file is not None and scan.size is not None]
        values.check_numbers(numbers, len(files))
        for number in numbers:
            yield decode(files[number - 1])


def _tell_facts(series: _Series, volume: str) -> Iterator[ScanFacts]:
    eye, distance = _find_eye(series), _measure_distance([scan.start for scan in series.scans])
    for position, scan in enumerate(series.scans):
        if scan.size is None:
            continue
        height, width, bits = scan.size
        yield ScanFacts(
            patient=series.patient,
            eye=eye,
            visit=series.visit,
            device=series.device,
            volume=volume,
            position=position,
            height=height,
            width=width,
            bits=bits,
            axial_mm=scan.axial_mm,
            lateral_mm=scan.lateral_mm,
            distance_mm=distance,
        )


def _find_eye(series: _Series) -> Eye | None:
    """The eye that all of a series' B-scans agree on; where they say nothing, that of the series."""
    told = {scan.eye for scan in series.scans if scan.eye} | ({series.eye} - {""})
    return values.as_eye(told.pop()) if len(told) == 1 else None


def _measure_distance(starts: Sequence[_Place | None]) -> float | None:
    """Distance between neighbouring B-scans; None if it is not the same between all."""
    known = [start for start in starts if start is not None]
    if len(known) < len(starts) or len(known) < 2:
        return None
    distances = [dist(one, other) for one, other in pairwise(known)]
    mean = sum(distances) / len(distances)
    even = max(distances) - min(distances) <= _UNEVEN * mean
    return values.as_millimetres(mean) if even else None


def _name_kind(kind: str) -> str:
    return "fundus image" if kind == "LOCALIZER" else "other image"


def _read_export(path: Path) -> list[_Series]:
    """Reads what the export tells, and finds the images.

    Raises:
        UnreadableImage: It is no such export, or damaged.
    """
    files = FolderFiles(path.parent)
    found: list[_Series] = []
    for patient in _parse(path).iter("Patient"):
        for study in patient.findall("Study"):
            for series in study.findall("Series"):
                equipment = "GeneralEquipment/"
                maker, model = (
                    _text(series, equipment + tag) for tag in ("Manufacturer", "ManufacturerModelName")
                )
                # Of an image that was cut in two, not even the kind may be known.
                images = (_read_image(image, files) for image in series.findall("Image"))
                found.append(
                    _Series(
                        patient=values.as_text(_text(patient, "PatientID")),
                        visit=_read_day(study.find("StudyDate/Date")),
                        device=values.as_text(f"{maker} {model}"),
                        eye=_text(series, "Laterality"),
                        images=[image for image in images if image.kind],
                        promised_images=_number(series, "NumImages"),
                    )
                )
    if not found:
        raise UnreadableImage("the export names no image: export the volume again")
    return found


def _parse(path: Path) -> Element:
    """Parses the XML file without what is not used; of a damaged one, what comes before the damage."""
    with values.open_source(path) as file:
        if values.file_bytes(file) > _MAX_BYTES:
            raise UnreadableImage(_TOO_LARGE)
        data = file.read()
    # Without declarations there is nothing by which a small document could grow large.
    if re.search(rb"<!(DOCTYPE|ENTITY)", data.replace(b"\0", b"")):
        raise UnreadableImage(
            "the XML file holds declarations, which no export does: export the volume again"
        )
    # Exports name no encoding, and names of people in them may be in that of an old Windows.
    tree = _build_tree(data)
    if not tree.is_whole:
        tree = max(tree, _build_tree(data.decode("utf-8", "replace")), key=lambda each: each.elements)
    if tree.root is None:
        raise UnreadableImage(values.cut_short("the XML file"))
    return tree.root


class _Tree(NamedTuple):
    """A document, or its beginning, and the number of its elements."""

    root: Element | None
    elements: int
    is_whole: bool


def _build_tree(data: bytes | str) -> _Tree:
    parser: Any = ElementTree.XMLPullParser(("start", "end"))
    root: Element | None = None
    number = 0
    try:
        for place in range(0, len(data), _BLOCK):
            parser.feed(data[place : place + _BLOCK])
            for event, element in parser.read_events():
                root = element if root is None else root
                number += 1
                if event == "end" and element.tag in _UNUSED:
                    element.clear()
            if number > _MAX_EVENTS:
                raise UnreadableImage(_TOO_LARGE)
        parser.close()
    except (ElementTree.ParseError, ValueError, LookupError):
        return _Tree(root, number, is_whole=False)
    return _Tree(root, number, is_whole=True)


def _read_image(image: Element, files: FolderFiles) -> _Image:
    context = "OphthalmicAcquisitionContext/"
    kind = _text(image, "ImageType/Type")
    file = files.find(_text(image, "ImageData/ExamURL"))
    return _Image(
        kind=kind,
        file=file,
        size=measure(file) if kind == "OCT" and file is not None else None,
        eye=_text(image, "Laterality"),
        lateral_mm=values.as_millimetres(_number(image, context + "ScaleX")),
        axial_mm=values.as_millimetres(_number(image, context + "ScaleY")),
        start=_read_place(image.find(context + "Start/Coord")),
    )


def _read_place(coordinates: Element | None) -> _Place | None:
    if coordinates is None:
        return None
    return _number(coordinates, "X"), _number(coordinates, "Y")


def _read_day(day: Element | None) -> str | None:
    if day is None:
        return None
    year, month, number = (_text(day, tag) for tag in ("Year", "Month", "Day"))
    if not all(re.fullmatch(r"[0-9]{1,4}", each) for each in (year, month, number)):
        return None
    return values.as_day(int(year), int(month), int(number))


def _text(element: Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()


def _number(element: Element, tag: str) -> float:
    """A number; no number (NaN) if there is none."""
    try:
        return float(_text(element, tag))
    except ValueError:
        return float("nan")
