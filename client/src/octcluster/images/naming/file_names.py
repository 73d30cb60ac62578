"""What the name of an image file says: class, patient and eye.

    CNV-1016042-1.jpeg      wet-AMD-11-1.png     a finding, the patient's number, the image's number
    patient12_OD_3.png      sub-01_L_2.png       a word for patients with a number
    P012_L_05.tif                                P with a number, and more behind it
    NORMAL12.png            drusen (3).jpg       a finding and one number, which is no patient
    Patient-0001-AMD-OD-01.png                   a finding behind the patient, among words of known kinds

Dates, and numbers whose meaning is open, are no patients: ``OCT-2024-01-03-1``, ``scan-001``, ``image_12``.
Marks of copies do not count: ``CNV-1-1 (1).jpeg``, ``Copy of CNV-1-1.jpeg``, ``CNV-1-1 - Kopie.jpeg``.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from octcluster.images.naming.copies import strip_copy_marks
from octcluster.images.naming.dates import is_date, looks_like_day
from octcluster.images.naming.folder_names import ASIDE, Role, eye_of, read_folder_name, split_words
from octcluster.images.naming.terms import find_class, meanings
from octcluster.images.naming.vocabulary import words as vocabulary
from octcluster.images.readers.reader import Eye

_PLAIN = re.compile(r"[A-Za-z]+-\d+-\d+")  # most names are, and have no mark of a copy
_FIRST_DIGIT = re.compile(r"\d")
_SEPARATORS = re.compile(r"[-_ .,]+")
_ID = re.compile(r"[^\W\d_]{0,3}\d+[^\W\d_]{0,2}")
_SPOKEN = re.compile(r"(?P<disease>[^\W\d_]\D*?)[-_](?P<patient>[^-_]*\d.*)[-_]\d+")
_SPOKEN_FIRST_WORD = re.compile(r"(?P<disease>[^\W\d_][^-_]*)[-_](?P<patient>.+)[-_]\d+")
_THREE_NUMBERS = re.compile(r"\d+[-_. ]\d+[-_. ]\d+")
_SIZE = re.compile(r"\d{2,4}x\d{2,4}")
_ANY_FINDING = "CNV"
_DAY_DIGITS = 8
_MOST_PREFIX = 3


class FileName(NamedTuple):
    """What a name says; None: it does not say.

    Attributes:
        label: The class, as written.
        patient: The patient, as written.
        eye: ``OD`` or ``OS``.
    """

    label: str | None = None
    patient: str | None = None
    eye: Eye | None = None


class FileNames:
    """What many names say, column by column.

    Attributes:
        labels: See FileName.
        patients: See FileName.
        eyes: See FileName.
    """

    def __init__(self, names: Iterable[FileName]) -> None:
        """Takes in what names say."""
        self.labels: list[str | None] = []
        self.patients: list[str | None] = []
        self.eyes: list[Eye | None] = []
        for name in names:
            self.labels.append(name.label)
            self.patients.append(name.patient)
            self.eyes.append(name.eye)

    def __getitem__(self, position: int) -> FileName:
        return FileName(self.labels[position], self.patients[position], self.eyes[position])

    def __setitem__(self, position: int, name: FileName) -> None:
        self.labels[position], self.patients[position], self.eyes[position] = name


class _Words(NamedTuple):
    """What the words before the first number say."""

    label: str | None
    patient_word: str
    id_prefix: str
    eye_word: str
    others: int
    all_known: bool


_NOTHING = _Words(None, "", "", "", 0, True)


def read_file_name(stem: str) -> FileName:
    """Reads what is sure: the name must hold a finding among known words, or name the patient.

    Args:
        stem: The file's name without its ending.
    """
    beginning, numbers = _split(stem)
    said = _read_words(beginning) if numbers or _FIRST_DIGIT.search(stem) else _NOTHING
    parts = [part for part in _SEPARATORS.split(numbers) if part]
    letters = [part for part in parts if not part.isdecimal()]
    eye_word = said.eye_word or next((part for part in letters if eye_of(part.casefold())), "")
    ids = [part for part in parts if not _is_aside(part)] if letters else parts
    patient = None
    if ids and _ID.fullmatch(ids[0]) and not _begins_with_day(numbers, ids):
        if said.patient_word and (len(parts) > 1 or said.patient_word not in "Pp"):
            patient = said.patient_word + ids[0]
        elif said.label and not said.others and len(ids) == 2 and ids[1].isdecimal():
            patient = said.id_prefix + ids[0]
    # R and L alone may be anything: they count beside a class or a patient.
    weak = len(eye_word) == 1 or eye_word in ("le", "re")
    eye = None if weak and not (said.label or patient) else eye_of(eye_word.casefold())
    label = said.label or (_find_later_class(numbers) if letters and said.all_known else None)
    return FileName(label, patient, eye)


def read_below_class(stem: str, label: str | None) -> FileName | None:
    """Reads a name that begins with the class of its folder, whether that is a known finding or not.

    Args:
        stem: The file's name without its ending.
        label: The class that the folder tells: ``NO`` for ``no_1023_1``.

    Returns:
        What it says; None if it does not begin so.
    """
    if not label or stem[: len(label)].casefold() != label.casefold() or stem[len(label) :][:1].isalpha():
        return None
    return read_file_name(_ANY_FINDING + stem[len(label) :])._replace(label=stem[: len(label)])


def read_spoken_name(stem: str) -> FileName:
    """Reads a name that is known to have the form ``<disease>-<patient>-<number>``, whatever the disease."""
    found = read_file_name(stem)
    text = strip_copy_marks(stem)
    match = _SPOKEN.fullmatch(text) or _SPOKEN_FIRST_WORD.fullmatch(text)
    if match is None or _begins_with_day(match["patient"], _SEPARATORS.split(match["patient"])):
        return found
    disease, patient = match["disease"].strip("-_ "), match["patient"]
    if found.label:
        start = text.find(found.label) + len(found.label)
        disease, patient = found.label, text[start : match.end("patient")].strip("-_ ")
    elif found.patient or read_folder_name(disease).role in (*ASIDE, Role.PATIENT):
        disease = ""
    return FileName(disease or None, found.patient or patient or None, found.eye)


def _split(stem: str) -> tuple[str, str]:
    """Words before the first digit, and all from there on."""
    text = stem if _PLAIN.fullmatch(stem) else strip_copy_marks(stem)
    match = _FIRST_DIGIT.search(text)
    return (text[: match.start()], text[match.start() :]) if match else (text, "")


@lru_cache(maxsize=10_000)
def _read_words(beginning: str) -> _Words:
    spans = split_words(beginning)
    words = [word for word, _, _ in spans]
    run = find_class(words)
    label = beginning[spans[run.start][1] : spans[run.end - 1][2]] if run else None
    if run and not all(word in vocabulary("contents") | vocabulary("splits") for word in words[: run.start]):
        label, run = None, None
    rest = words[run.end :] if run else words
    patient_word = ""
    if rest and rest[-1] in vocabulary("patients"):
        patient_word = beginning[spans[-1][1] :]
        rest = rest[:-1]
    id_prefix = ""
    if run and rest and _is_id_prefix(rest[-1]) and beginning[-1].isalpha():
        id_prefix, rest = beginning[spans[-1][1] :], rest[:-1]
    eye_word = next((word for word in rest if eye_of(word)), "")
    others = [word for word in rest if not (eye_of(word) or word in vocabulary("eyes"))]
    all_known = all(word in vocabulary("contents") | vocabulary("visits") for word in others)
    if not all_known:
        label, patient_word = None, ""
    if patient_word.casefold().strip("-_ .") == "p" != patient_word.casefold():
        patient_word = ""  # P-12 may be a page
    return _Words(label, patient_word, id_prefix, eye_word, len(others), all_known)


def _find_later_class(numbers: str) -> str | None:
    """The class behind the patient: Patient-0001-AMD-OD-01; all words beside it must be of a known kind."""
    spans = split_words(numbers)
    words = [word for word, _, _ in spans]
    run = find_class(words)
    if run is None or not any(word in meanings() for word in words[run.start : run.end]):
        return None
    others = [*words[: run.start], *words[run.end :]]
    if not all(word.isdecimal() or len(word) == 1 or _is_beside(word) for word in others):
        return None
    return numbers[spans[run.start][1] : spans[run.end - 1][2]]


def _is_beside(word: str) -> bool:
    """Whether a word tells of the image and of no finding."""
    kinds = (
        "right",
        "left",
        "eyes",
        "contents",
        "visits",
        "visit_parts",
        "devices",
        "device_parts",
        "changes",
    )
    return any(word in vocabulary(kind) for kind in kinds)


def _is_id_prefix(word: str) -> bool:
    """Whether letters before a number may be part of a patient's id: the A of CNV-A12-1."""
    kinds = ("contents", "visits", "visit_parts", "patients")
    return len(word) <= _MOST_PREFIX and not any(word in vocabulary(kind) for kind in kinds)


def _is_aside(part: str) -> bool:
    """Whether a part behind the first number is an eye, or says how a copy was changed: rot90."""
    word = part.casefold()
    if eye_of(word) or word in vocabulary("eyes") or _SIZE.fullmatch(part):
        return True
    return word.rstrip("0123456789") in vocabulary("changes")


def _begins_with_day(numbers: str, parts: list[str]) -> bool:
    """Whether the numbers of a name begin with a day: 2024-01-03-101010, 20240103-1, 03.01.2024."""
    if len(parts[0]) >= _DAY_DIGITS and looks_like_day(parts[0]):
        return True
    first = _THREE_NUMBERS.match(numbers) if len(parts) >= 3 else None
    return first is not None and is_date(first[0])
