"""Known classes and patients of images: from folders, file names or a table.

folders ──▶ naming/folder_roles ──┐
file names ▶ naming/file_names ───┼──▶ this file: what holds ──▶ one spelling a class, ids of patients, notes
table ─────▶ label_table ─────────┘
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from posixpath import splitext
from sys import intern
from typing import NamedTuple

from octcluster.images.folder_notes import describe_folders, describe_lone_class, describe_side_files
from octcluster.images.image_set import Scan
from octcluster.images.label_notes import (
    describe_classes,
    describe_disagreement,
    describe_doubted_names,
    describe_open_folders,
    describe_open_names,
    describe_patient_conflict,
    describe_patients,
    describe_placeholder,
    describe_spellings,
)
from octcluster.images.label_table import LabelTable, read_label_table
from octcluster.images.naming.file_names import (
    FileNames,
    read_below_class,
    read_file_name,
    read_spoken_name,
)
from octcluster.images.naming.folder_roles import FolderTree, Level, read_folders
from octcluster.images.naming.folder_tree import Place
from octcluster.images.naming.patients import PatientName, Patients, tell_apart
from octcluster.images.naming.spellings import fold, is_missing, merge_spellings
from octcluster.images.naming.terms import meanings
from octcluster.images.notes import Note
from octcluster.model.errors import InvalidImageSet

LABEL_SOURCES = ("auto", "folder", "folder:N", "filename", "none")
MIN_NAMED = 0.95
MAX_CLASSES_OF_NAMES = 50

_NO_LABEL = {
    "folder": "no image lies in such a folder",
    "filename": "no file name has the form <disease>-<patient>-<number>",
}
_FOLDER_LEVEL = re.compile(r"folder:([1-9]\d?)")


class Labelling(NamedTuple):
    """Images with what is known of them.

    Attributes:
        images: The images, in the order in which they were given.
        source: Where the labels come from: ``folder``, ``filename``, ``none`` or ``csv``.
        stray_rows: Numbers of the rows of the table that name none of the images.
        notes: What was taken for classes and patients, and what is open or should be mended.
    """

    images: list[Scan]
    source: str
    stray_rows: Sequence[int] = ()
    notes: Sequence[Note] = ()


def label_images(images: list[Scan], labels: str) -> Labelling:
    """Gives images their class, patient, split, eye, visit and device.

    A patient is what the table says, else the file itself, else folders whose names are those of patients,
    else the file's name, else folders whose numbers look like patients. See ``naming.folder_roles`` and
    ``naming.file_names`` for what is understood.

    Args:
        images: The images, at least one. Each is replaced in this list by the same with what is known of it:
            with millions of images, two lists would be too much.
        labels: One of these:

            - ``auto``: the folders whose names are known findings; else the file names, if at least MIN_NAMED
              of them begin with one; else no labels.
            - ``folder``: as auto, and if no name is known the only folders that may be classes.
            - ``folder:2``: the names of the folders two levels below IMAGES.
            - ``filename``: the first part of ``<disease>-<patient>-<number>``, known or not.
            - ``none``: no labels.
            - Anything else: path of a table, see ``label_table``. If it has no column for classes, they are
              those of auto.

    Returns:
        The images with what is known of them.

    Raises:
        InvalidImageSet: The source gives no label at all, or the table cannot be used.
    """
    table = None if _is_source(labels) else read_label_table(Path(labels), images, LABEL_SOURCES)
    level = _FOLDER_LEVEL.fullmatch(labels)
    folder_of = [intern(image.file_name.rpartition("/")[0]) for image in images]
    folders = Counter(folder_of)
    tree = read_folders(folders, int(level[1]) if level else None)
    source = labels
    if labels == "folder" and not tree.sure:
        tree = read_folders(folders, _choose_level(tree.open_levels).number)
    read = read_spoken_name if labels == "filename" else read_file_name
    names = FileNames(read(_stem(image)) for image in images)
    if labels == "auto" or (table and not table.has_labels):
        source = "folder" if tree.sure else "filename" if _are_classes(names) else "none"
    places = [tree.places[folder] for folder in folder_of]
    del folder_of
    if source == "folder" or level:
        for position, (image, place) in enumerate(zip(images, places, strict=True)):
            if not names.patients[position] and (name := read_below_class(_stem(image), place.label)):
                names[position] = name
    job = _Job(images, places, tree, names, table, "folder" if level else source)
    return job.run(labels)


def _stem(image: Scan) -> str:
    return splitext(image.file_name.rpartition("/")[2])[0]


def _is_source(labels: str) -> bool:
    return labels in LABEL_SOURCES or _FOLDER_LEVEL.fullmatch(labels) is not None


def _choose_level(candidates: Sequence[Level]) -> Level:
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise InvalidImageSet(
            "--labels folder finds no label: no folder below IMAGES looks like a class: give the "
            "folder above the class folders, or their level, such as --labels folder:1"
        )
    choices = " or ".join(
        f"folder:{level.number} ({', '.join(level.names[:3])}{', ...' if len(level.names) > 3 else ''})"
        for level in candidates
    )
    raise InvalidImageSet(
        f"--labels folder: several levels of folders may be the classes; say which: {choices}"
    )


def _are_classes(names: FileNames) -> bool:
    """Whether nearly all file names begin with a finding, and there are several."""
    labels = Counter(label for label in names.labels if label)
    distinct = set(map(fold, labels))
    return labels.total() >= MIN_NAMED * len(names.labels) and 2 <= len(distinct) <= MAX_CLASSES_OF_NAMES


@dataclass
class _Job:
    """One call of label_images, once everything is read."""

    images: list[Scan]
    places: Sequence[Place]
    tree: FolderTree
    names: FileNames
    table: LabelTable | None
    source: str

    def run(self, asked_for: str) -> Labelling:
        """Does the work, for what ``--labels`` was given."""
        written = self._find_labels()
        spellings = merge_spellings((label for label in written if label), meanings())
        labels = [spellings.chosen[label] if label else None for label in written]
        has_placeholder = self._have_one_id_for_all()
        patients, sources, found = self._find_patients(labels, believe_files=not has_placeholder)
        labelled = self.images
        for position, image in enumerate(self.images):
            labelled[position] = self._describe(
                image, position, self.places[position], labels[position], patients[position]
            )
        source = "csv" if self.table and self.table.has_labels else self.source
        if source in _NO_LABEL and not any(labels):
            raise InvalidImageSet(
                f"--labels {asked_for} finds no label: {_NO_LABEL[source]}; use another --labels"
            )
        notes = [
            *describe_classes(labelled, source),
            *describe_spellings(spellings, labels),
            *describe_disagreement(labels, self.names.labels, source),
            *describe_patients(labelled, sources, found),
            *describe_patient_conflict(self._pair_patients()),
            *describe_placeholder(has_placeholder, len(self.images)),
            *describe_folders(labelled, self.tree.finer),
            *describe_side_files(labelled, self.places),
            *(self.table.notes if self.table else ()),
            *(describe_open_folders(self.tree) if asked_for == "auto" else ()),
            *(describe_lone_class(self.tree, labelled) if asked_for == "auto" else ()),
        ]
        if asked_for == "auto" and source == "none":
            notes += describe_doubted_names(self.names.labels, MIN_NAMED)
        if asked_for == "auto" and not sources:
            notes += describe_open_names(self.images, has_classes=source != "none")
        return Labelling(labelled, source, self.table.stray_rows if self.table else (), notes)

    def _find_labels(self) -> list[str | None]:
        found: list[str | None]
        if self.table is not None and self.table.has_labels:
            return [self.table.label_of(image) for image in self.images]
        if self.source == "folder":
            found = [place.label for place in self.places]
        elif self.source == "filename":
            found = self.names.labels
        else:
            found = [None] * len(self.images)
        return [None if label is None or is_missing(label) else label for label in found]

    def _find_patients(
        self, labels: Sequence[str | None], *, believe_files: bool
    ) -> tuple[list[str | None], Counter[str], Patients]:
        """The patient of each image, how many images have theirs from where, and what was decided."""

        def choose() -> Iterator[tuple[str, str | PatientName | None]]:
            for position, (image, place) in enumerate(zip(self.images, self.places, strict=True)):
                name = self.names[position]
                in_name = None
                if name.patient:
                    in_name = PatientName(name.patient, labels[position] or name.label or "")
                yield self._choose_patient(image, place, in_name, believe_file=believe_files)

        # Twice: what is chosen for each of a million images takes more than to choose it anew.
        found = tell_apart({value for _, value in choose() if isinstance(value, PatientName)})
        sources: Counter[str] = Counter()
        patients: list[str | None] = []
        for source, value in choose():
            patients.append(found.ids[value] if isinstance(value, PatientName) else value)
            sources[source] += bool(value)
        sources = +sources
        if not sources.keys() & {"table", "file"} and _tell_nothing(patients):
            sources = Counter({"nothing": sources.total()})
            patients = [None] * len(patients)
        return patients, sources, found

    def _choose_patient(
        self, image: Scan, place: Place, in_name: PatientName | None, *, believe_file: bool
    ) -> tuple[str, str | PatientName | None]:
        """Where the patient of an image comes from, and who it is."""
        if self.table and (patient := self.table.patient_of(image)):
            return "table", patient
        if believe_file and (patient := _patient_of_file(image)):
            return "file", patient
        if place.patient and (self.tree.named_patients or not in_name):
            return "folder", place.patient
        return ("filename", in_name) if in_name else ("", None)

    def _have_one_id_for_all(self) -> bool:
        """Whether all files have the same patient though folders are called after several: a placeholder."""
        if not self.tree.named_patients:
            return False
        in_files = {_patient_of_file(image) for image in self.images} - {None}
        in_folders = {place.patient.name for place in self.places if place.patient}
        return len(in_files) == 1 < len(in_folders)

    def _pair_patients(self) -> set[tuple[str, str]]:
        """Patients of images by the name of a folder and by their own."""
        if not self.tree.named_patients:
            return set()
        return {
            (place.patient.name, patient)
            for place, patient in zip(self.places, self.names.patients, strict=True)
            if place.patient and patient
        }

    def _describe(
        self, image: Scan, position: int, place: Place, label: str | None, patient: str | None
    ) -> Scan:
        facts = image.facts
        eye, visit = (self.table.eye_of(image), self.table.visit_of(image)) if self.table else (None, None)
        return Scan(  # replace of dataclasses takes several times as long
            image.root,
            image.name,
            label,
            patient,
            eye or (facts.eye if facts else None) or place.eye or self.names[position].eye,
            visit or (facts.visit if facts else None) or place.visit,
            (facts.device if facts else None) or place.device,
            place.split,
            image.number,
            facts,
            image.format,
            image.fault,
        )


def _patient_of_file(image: Scan) -> str | None:
    patient = (image.facts.patient if image.facts else None) or image.patient
    return None if patient is None or is_missing(patient) else patient


def _tell_nothing(patients: Sequence[str | None]) -> bool:
    """Whether names gave all images the same patient."""
    return len(set(patients)) == 1 and patients[0] is not None and len(patients) > 1
