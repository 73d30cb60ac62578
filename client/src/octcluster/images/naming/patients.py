"""Patients that names speak of, and whether the same name is the same person."""

import re
from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import NamedTuple

_DIGITS = re.compile(r"\d+")
_SHORT = 3
_MOST = 0.5


class PatientName(NamedTuple):
    """A name that is a patient's among those beside it.

    Attributes:
        name: As written.
        above: What it stands under: class, split and other folders that are not about the same patient.
    """

    name: str
    above: str


class Patients(NamedTuple):
    """The patients behind names.

    Attributes:
        ids: Id of the patient by its name.
        kept_apart: Number of names that occur below several classes and are taken for several people.
        joined: Number of names that occur below several classes and are taken for one person each.
    """

    ids: Mapping[PatientName, str]
    kept_apart: int
    joined: int


def tell_apart(names: Iterable[PatientName]) -> Patients:
    """Decides whether patients of equal names are the same person.

    Short numbers that recur below other folders (AMD/1 and NORMAL/1) count patients of each folder: they are
    other people, and their ids get the folder's name. Long ones, and those of which few recur, are ids: the
    patient has images in both.

    Args:
        names: The names; repetitions do not matter.
    """
    distinct = set(names)
    aboves: dict[str, set[str]] = {}
    for patient in distinct:
        aboves.setdefault(patient.name, set()).add(patient.above)
    recurring = [name for name, above in aboves.items() if len(above) > 1]
    fewest = _count_smallest_folder(distinct)
    if recurring and all(map(_is_short, aboves)) and len(recurring) >= _MOST * fewest:
        common = _find_common_folders(aboves)
        ids = {p: "/".join([*p.above.split("/")[common:], p.name]).strip("/") for p in distinct}
        return Patients(ids, len(recurring), 0)
    return Patients({patient: patient.name for patient in distinct}, 0, len(recurring))


def _find_common_folders(aboves: Mapping[str, set[str]]) -> int:
    """How many folders all patients stand under."""
    paths = [above.split("/") for names in aboves.values() for above in names]
    return sum(1 for _ in takewhile(lambda names: len(set(names)) == 1, zip(*paths, strict=False)))


def _count_smallest_folder(patients: Iterable[PatientName]) -> int:
    counts: dict[str, int] = {}
    for patient in patients:
        counts[patient.above] = counts.get(patient.above, 0) + 1
    return min(counts.values(), default=0)


def _is_short(name: str) -> bool:
    return max((len(number) for number in _DIGITS.findall(name)), default=0) <= _SHORT
