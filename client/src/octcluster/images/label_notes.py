"""Sentences on what was taken for classes and patients, and on what is open or should be mended."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from pathlib import PurePosixPath

from octcluster.images.image_set import Scan
from octcluster.images.naming.dates import looks_like_day
from octcluster.images.naming.file_names import read_file_name, read_spoken_name
from octcluster.images.naming.folder_names import Role, read_folder_name
from octcluster.images.naming.folder_roles import MAX_CLASSES, FolderTree
from octcluster.images.naming.folder_tree import MOST
from octcluster.images.naming.patients import Patients
from octcluster.images.naming.spellings import Spellings, fold
from octcluster.images.naming.terms import meanings
from octcluster.images.notes import Note, count_images, join_names

_SOURCES = {"folder": "folder names", "filename": "file names", "csv": "the table", "table": "the table"} | {
    "file": "the files themselves"
}
DOUBTED_NAMES = "doubted_names"
_HEALTHY = ("normal", "negative")
_SHOWN = 3
_CODE = re.compile(r"[^\W\d_]{0,4}\d{2,}(?=[-_ ])")
_CLASSES_SHOWN = 12
_PATIENT_CURE = "If they are patients, give a table with the columns image,patient: --labels FILE.csv."
_WRONG_CURE = "If that is wrong, give a table with the columns image,patient: --labels FILE.csv."


def describe_classes(images: Sequence[Scan], source: str) -> list[Note]:
    """What was taken for classes."""
    first: dict[str, Scan] = {}
    for image in images:
        if image.label is not None:
            first.setdefault(image.label, image)
    if not first:
        return []
    labelled = sum(image.label is not None for image in images)
    names = join_names(sorted(first), _CLASSES_SHOWN)
    text = f"Classes: {len(first):,} ({names}), known for {count_images(labelled)}, from {_SOURCES[source]}."
    if source == "folder":
        foreign = [name for name in sorted(first) if not _is_known(name)]
        if foreign and len(foreign) < len(first):
            text += (
                f" No known finding, but taken for a class beside the others: {join_names(foreign, _SHOWN)}."
            )
    return [Note("classes", text, labelled, [image.name for image in list(first.values())[:_SHOWN]])]


def describe_doubted_names(in_names: Sequence[str | None], needed: float) -> list[Note]:
    """Says that some file names begin with a finding, but too few to be believed.

    Args:
        in_names: The finding that each file's name begins with.
        needed: The share of names that have to begin with one.
    """
    named = sum(name is not None for name in in_names)
    if not named:
        return []
    text = (
        f"Labels: none. {named:,} of {count_images(len(in_names))} have names that begin with a finding, "
        f"which are believed if at least {needed:.0%} do and there are several findings. If these "
        "are the classes, say --labels filename."
    )
    return [Note(DOUBTED_NAMES, text, len(in_names) - named, to_mend=True)]


def _is_known(name: str) -> bool:
    return read_folder_name(name).role in (Role.CLASS, Role.CLASS_AND_PATIENT)


def describe_spellings(spellings: Spellings, labels: Sequence[str | None]) -> list[Note]:
    """Classes that were written in several ways, and classes that may be the same."""
    counts = Counter(labels)
    notes = []
    for name, others in sorted(spellings.merged.items()):
        written = join_names([f"'{other}'" for other in others], _SHOWN)
        notes.append(
            Note("label_spellings", f"One class in several spellings: {name}, also {written}.", counts[name])
        )
    for one, other in spellings.near_misses:
        notes.append(
            Note(
                "label_near_misses",
                f"The classes {one} and {other} hardly differ. If they are one class, give them one name.",
                min(counts[one], counts[other]),
                to_mend=True,
            )
        )
    by_meaning: dict[str, list[str]] = {}
    for name in sorted({name for name in labels if name}):
        if fold(name) in meanings():
            by_meaning.setdefault(meanings()[fold(name)], []).append(name)
    for same in by_meaning.values():
        if len(same) > 1:
            notes.append(
                Note(
                    "label_synonyms",
                    f"The classes {' and '.join(same)} may mean the same. If they do, give them one name.",
                    sum(counts[name] for name in same),
                    to_mend=True,
                )
            )
    return notes


def describe_disagreement(
    labels: Sequence[str | None], in_names: Sequence[str | None], source: str
) -> list[Note]:
    """Images whose file name begins with another one of the classes than that which they got.

    A name that is no class of these images may be a finer one: CNV in a folder AMD. But ``normal`` is none.
    """
    classes = {fold(label) for label in labels if label}
    wrong = sum(
        1
        for label, name in zip(labels, in_names, strict=True)
        if label and name and _contradict(fold(label), fold(name), classes)
    )
    if not wrong or source == "filename":
        return []
    verb = "begins" if wrong == 1 else "begin"
    text = (
        f"{count_images(wrong)} whose file name {verb} with another class than that of {_SOURCES[source]}: "
        "check which is right."
    )
    return [Note("label_disagreement", text, wrong, to_mend=True)]


def _contradict(label: str, name: str, classes: Set[str]) -> bool:
    if name == label:
        return False
    means = meanings()
    if name in classes or label not in means:
        return name in classes
    return (means[label] in _HEALTHY) is not (means.get(name) in _HEALTHY)


def describe_patients(images: Sequence[Scan], sources: Mapping[str, int], found: Patients) -> list[Note]:
    """What was taken for patients; they steer the clusters."""
    if "nothing" in sources:
        return [
            Note(
                "patients",
                "No patient is taken: the names give all images the same one, which tells nothing.",
                len(images),
            )
        ]
    first: dict[str, Scan] = {}
    known = 0
    for image in images:
        if image.patient is not None:
            known += 1
            first.setdefault(image.patient, image)
    if not first:
        return []
    from_where = join_names([_SOURCES[source] for source in sources], len(sources))
    text = f"Patients: {len(first):,}, known for {count_images(known)}, from {from_where}."
    if known < len(images):
        text += f" {count_images(len(images) - known)} of no known patient."
    if known == len(first):
        text += " Each has one image."
    else:
        text += " A run by the default recipe gives less weight to what differs within a patient."
    if found.kept_apart:
        text += (
            f" {found.kept_apart:,} of their names occur in several classes or folders. They are taken for "
            "other people in each, as AMD/1 and NORMAL/1."
        )
    if found.joined:
        verb = "has" if found.joined == 1 else "have"
        text += f" {found.joined:,} of them {verb} images in several classes or splits."
    text += f" {_WRONG_CURE}" * (not sources.keys() <= {"table", "file"})
    folds = Counter(map(fold, first))
    if spelled := sorted(patient for patient in first if folds[fold(patient)] > 1):
        text += (
            f" {len(spelled):,} of them differ from another one in their spelling only: give one id to each."
        )
    examples = [f"{patient} ({image.name})" for patient, image in list(first.items())[:_SHOWN]]
    return [Note("patients", text, known, examples, to_mend=bool(spelled))]


def describe_patient_conflict(pairs: Set[tuple[str, str]]) -> list[Note]:
    """Says that folders and file names do not agree on who is the same patient.

    Args:
        pairs: Patient by the folder and by the file name, of images that have both.
    """
    by_folder, by_name = {folder for folder, _ in pairs}, {name for _, name in pairs}
    if len(pairs) <= max(len(by_folder), len(by_name)):
        return []
    text = (
        f"Folders tell {len(by_folder):,} patients and file names {len(by_name):,} others, which do not "
        f"match. Those of the folders are taken. {_WRONG_CURE}"
    )
    examples = [f"{folder} and {name}" for folder, name in sorted(pairs)[:_SHOWN]]
    return [Note("patient_conflict", text, 0, examples, to_mend=True)]


def describe_placeholder(is_placeholder: bool, images: int) -> list[Note]:
    """Says that the files' own patient was not believed."""
    if not is_placeholder:
        return []
    text = (
        "All files have the same patient id, as after an anonymization, but folders are called after several "
        f"patients: the folders are believed. {_WRONG_CURE}"
    )
    return [Note("patient_placeholder", text, images, to_mend=True)]


def describe_open_folders(tree: FolderTree) -> list[Note]:
    """Folders whose meaning is not sure, and how to say it."""
    notes = []
    for level in tree.open_levels:
        folders = f"the {len(level.names):,} folders of level {level.number} are"
        if tree.sure or len(level.names) > MAX_CLASSES:
            text = f"It is not sure what {folders}. {_PATIENT_CURE}"
        else:
            text = (
                f"No class is taken, for it is not sure what {folders}. If they are classes, say "
                f"--labels folder:{level.number}. {_PATIENT_CURE}"
            )
        notes.append(Note("open_folders", text, level.images, level.names[:_SHOWN], to_mend=True))
    return notes


def describe_open_names(images: Sequence[Scan], *, has_classes: bool) -> list[Note]:
    """Says that most file names may tell a class and a patient, or a patient beside known classes."""
    stems = [PurePosixPath(image.file_name).stem for image in images]
    if has_classes:
        return _describe_open_codes(images, stems)
    found = [
        (image, name)
        for image, stem in zip(images, stems, strict=True)
        if (name := read_spoken_name(stem)).patient
    ]
    patients = {name.patient for _, name in found}
    if len(found) < MOST * len(images) or not 1 < len(patients) < len(found):
        return _describe_open_codes(images, stems)
    text = (
        f"{count_images(len(found))} may have a class and a patient in their file names, as in "
        "<disease>-<patient>-<number>, but their first words are no known findings: nothing is taken. If "
        "they have, say --labels filename."
    )
    return [Note("open_names", text, len(found), [image.name for image, _ in found[:_SHOWN]], to_mend=True)]


def _describe_open_codes(images: Sequence[Scan], stems: Sequence[str]) -> list[Note]:
    """Says that most names begin with a code that several share, or have it behind the class.

    KH0032_OD_1, KH0032_OD_2; AMD_884411_01022020_OD, AMD_884411_05072021_OD.
    """
    codes = Counter(
        match[0]
        for stem in stems
        if (match := _CODE.match(_behind_class(stem))) and not looks_like_day(match[0])
    )
    if codes.total() < MOST * len(images) or not 1 < len(codes) <= codes.total() / 2:
        return []
    text = (
        f"{count_images(codes.total())} share {len(codes):,} codes in their names, which are not taken for "
        f"patients. {_PATIENT_CURE}"
    )
    return [Note("open_names", text, codes.total(), [image.name for image in images[:_SHOWN]], to_mend=True)]


def _behind_class(stem: str) -> str:
    """A file's name without the class and the separators that it begins with."""
    label = read_file_name(stem).label
    return stem[len(label) :].lstrip("-_ .") if label and stem.startswith(label) else stem
