"""What the name of one folder says by itself, before its neighbours are asked."""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from octcluster.images.naming.dates import is_date
from octcluster.images.naming.spellings import clean, fold, is_missing
from octcluster.images.naming.terms import find_class
from octcluster.images.naming.vocabulary import words as vocabulary
from octcluster.images.readers.reader import Eye


class Role(StrEnum):
    """What a folder stands for."""

    CLASS = "class"
    NUMBERED_CLASS = "class with a number"
    PATIENT = "patient"
    CLASS_AND_PATIENT = "class and patient"
    EYE = "eye"
    VISIT = "visit"
    DEVICE = "device"
    SPLIT = "split"
    MASKS = "masks"
    CONTENT = "content"
    NUMBER = "number"
    CODE = "code"
    UNKNOWN = "unknown"


# Those that say something beside the tree of classes and patients.
ASIDE = frozenset((Role.EYE, Role.VISIT, Role.DEVICE, Role.SPLIT, Role.MASKS, Role.CONTENT))

_WORD = re.compile(r"\d+|[^\W\d_]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_CODE = re.compile(
    r"(?:[^\W\d_]{0,3}[-_ ]?\d{2,}[^\W\d_]{0,2}|[0-9a-f]{8,}(?:-[0-9a-f]{4,}){0,4}|[\d.]{12,})", re.IGNORECASE
)
_BRACKET = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*$")
_GRADE_DIGITS = 3


class FolderName(NamedTuple):
    """What the name of a folder says by itself.

    Attributes:
        role: What it seems to stand for.
        value: Name of the class, ``OD`` or ``OS``, or the name itself without an eye behind it.
        name: The name without an eye behind it, or without a class behind a patient.
        eye: The eye that stands behind something else: patient1_OD.
    """

    role: Role
    value: str
    name: str
    eye: Eye | None = None


def split_words(name: str) -> list[tuple[str, int, int]]:
    """Cuts a name into words and numbers: each folded, with its beginning and end in the name."""
    words = []
    for match in _WORD.finditer(name):
        start = match.start()
        for hump in (*_HUMP.finditer(name, match.start(), match.end()), None):
            end = match.end() if hump is None else hump.start()
            words.append((fold(name[start:end]), start, end))
            start = end
    return words


@lru_cache(maxsize=100_000)
def read_folder_name(folder: str) -> FolderName:
    """Tells what the name of a folder says by itself, whatever its neighbours are called."""
    name = clean(folder)
    whole = _read(name)
    if whole.role is Role.EYE:
        return whole
    for rest, eye, is_sure in _cut_eye(name):
        found = _read(rest)
        # A surname may be Os or Le, and Site R may be any.
        if found.role is not Role.UNKNOWN and (is_sure or found.role not in ASIDE):
            return found._replace(eye=eye)
    return whole


def _cut_eye(name: str) -> Iterator[tuple[str, Eye, bool]]:
    """A name without an eye at its end or beginning, the eye, and whether the word can mean nothing else."""
    spans = split_words(name)
    for step in (-1, 1):
        ordered, eyes = spans[::step], set[str]()
        while len(ordered) > 1:
            word, start, end = ordered[0]
            beside = name[start - 1 : start] if step < 0 else name[end : end + 1]
            is_letter = len(word) == 1 and (step > 0 or beside.isalnum())
            if is_letter or not (eye_of(word) or word in vocabulary("eyes")):
                break
            eyes.add(word)
            ordered.pop(0)
        found = {eye_of(word) for word in eyes} - {None}
        others = {word for word, _, _ in ordered}
        # Left and right: both.
        if len(found) == 1 and {eye_of(word) for word in others} <= {None, *found}:
            is_sure = any(len(word) > 1 and word not in ("le", "re") for word in eyes if eye_of(word))
            ends = sorted(place for _, *places in ordered for place in places)
            yield name[ends[0] : ends[-1]], found.pop(), is_sure or others <= vocabulary("eyed")  # type: ignore[misc]


def _read(name: str) -> FolderName:
    if is_date(name):
        return FolderName(Role.VISIT, name, name)
    if name.isdecimal():
        return FolderName(Role.NUMBER, name, name)
    if is_missing(name):
        return FolderName(Role.CONTENT, name, name)
    spans = split_words(name)
    words = [word for word, _, _ in spans]
    plain = [word for word in words if not word.isdecimal()]
    if plain and (role := _find_aside(words, plain)):
        value = next(eye for word in words if (eye := eye_of(word))) if role is Role.EYE else name
        return FolderName(role, value, name)
    outside = _BRACKET.sub("", name)  # AMD (n=20)
    found = _find_class(name, spans) or (_find_class(outside, split_words(outside)) if outside else None)
    return found or FolderName(_find_other(name, words, plain), name, name)


def eye_of(word: str) -> Eye | None:
    """The eye that a word names: ``OD`` for right, OD, RE, ..."""
    return "OD" if word in vocabulary("right") else "OS" if word in vocabulary("left") else None


def _find_aside(words: list[str], plain: list[str]) -> Role | None:
    """The role of a name whose words all belong to a vocabulary that is about no class."""
    found = frozenset(plain)
    counted = len(words) == 2 and len(words[0]) == 2 and len(words[1]) <= 2  # OD_1, but 001_OD is a patient's
    if (plain == words or counted) and found <= vocabulary("right") | vocabulary("left") | vocabulary("eyes"):
        return Role.EYE if len({eye_of(word) for word in words} - {None}) == 1 else Role.CONTENT
    if _is_split(words, found):
        return Role.SPLIT
    if found <= vocabulary("visits") | vocabulary("visit_parts") and (
        found & vocabulary("visits") or plain != words
    ):
        return Role.VISIT
    if found & vocabulary("devices") and found <= vocabulary("devices") | vocabulary("device_parts"):
        return Role.DEVICE
    return _find_content(found) if len(words) > 1 or len(words[0]) > 1 else None


def _find_content(found: frozenset[str]) -> Role | None:
    if found & vocabulary("mask_nouns"):
        return Role.MASKS
    if found & vocabulary("masks") and found <= vocabulary("masks") | vocabulary("contents"):
        return Role.MASKS
    lettered = found - {word for word in found if len(word) == 1} or found  # Site A
    return Role.CONTENT if lettered <= vocabulary("contents") else None


def _is_split(words: list[str], found: frozenset[str]) -> bool:
    """Train, Test data, fold 1; and set_a, Set 2. But TRAIN012 is one of many."""
    if any(word.isdecimal() and len(word) > 2 for word in words):
        return False
    lettered_set = len(words) == 2 and words[0] == "set" and (words[1].isdecimal() or len(words[1]) == 1)
    named = found & vocabulary("splits") and found <= vocabulary("splits") | vocabulary("split_joints")
    return bool(named) or lettered_set


def _find_class(name: str, spans: list[tuple[str, int, int]]) -> FolderName | None:
    """The class that a name consists of; what else it holds must be of a known kind."""
    words = [word for word, _, _ in spans]
    run = find_class(words)
    if run is None:
        return None
    value = name[spans[run.start][1] : spans[run.end - 1][2]]
    value += ")" * (value.count("(") - value.count(")"))
    before = words[: run.start]
    numbered_patient = names_patient(before)
    if not all(_is_known_beside_class(word) or word.isdecimal() for word in before) and not numbered_patient:
        return None
    after = [word for word in _drop_counted(words[run.end :]) if not _is_known_beside_class(word)]
    if numbered_patient:  # Pat001 - AMD - OD
        patient = name[: spans[run.start][1]].strip(" -_,")
        return None if after else FolderName(Role.CLASS_AND_PATIENT, value, patient)
    if not after:
        sign = name[spans[run.end - 1][2] :].strip() if run.end == len(spans) else ""
        return FolderName(Role.CLASS, value + sign if sign in ("+", "-", "++", "?") else value, name)
    between = name[spans[run.end - 1][2] : spans[run.end][1]]
    role = _read_number(after, bracketed=not {"(", "["}.isdisjoint(between))
    return None if role is None else FolderName(role, value, name)


def _drop_counted(words: list[str]) -> list[str]:
    """Words without numbers that count files: Part 1, batch 2, OD 3."""
    kinds = ("contents", "splits", "right", "left", "visits")
    counting = frozenset[str]().union(*map(vocabulary, kinds))
    return [word for before, word in pairwise(["", *words]) if not (word.isdecimal() and before in counting)]


def _read_number(after: list[str], *, bracketed: bool) -> Role | None:
    """What is behind a class: ``(150)`` images, a short number, or a patient's."""
    if all(word.isdecimal() for word in after):
        if bracketed:
            return Role.CLASS
        short = len(after) == 1 and len(after[0]) <= _GRADE_DIGITS
        return Role.NUMBERED_CLASS if short else Role.CLASS_AND_PATIENT
    numbered_patient = after[0] in vocabulary("patients") and len(after) > 1
    if numbered_patient and all(word.isdecimal() for word in after[1:]):
        return Role.CLASS_AND_PATIENT
    return None


def _is_known_beside_class(word: str) -> bool:
    if word in vocabulary("patients"):
        return word in ("patients", "subjects", "cases")
    return any(
        word in vocabulary(kind)
        for kind in ("contents", "joints", "splits", "right", "left", "eyes", "devices", "visits")
    )


def names_patient(words: Sequence[str]) -> bool:
    """Whether the words are a word for patients and a number, and nothing else: pat 001."""
    return len(words) == 2 and words[0] in vocabulary("patients") and words[1].isdecimal()


def _find_other(name: str, words: list[str], plain: list[str]) -> Role:
    numbered = len(words) > len(plain)
    named = vocabulary("patients") - {"p"}
    if any(one in named and two.isdecimal() for one, two in pairwise(words)):
        return Role.PATIENT  # Study_2013_Subject_1000
    if numbered and words[0] in vocabulary("patients") and set(plain) <= vocabulary("patients"):
        return Role.PATIENT
    if _CODE.fullmatch(name) and any(map(str.isdecimal, name)):
        return Role.CODE
    return Role.UNKNOWN
