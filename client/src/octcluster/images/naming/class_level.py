"""Which level of folders is that of the classes."""

from collections.abc import Iterable, Sequence

from octcluster.images.naming.folder_names import FolderName, Role
from octcluster.images.naming.folder_tree import MOST, Branch, count_levels, names_of_level
from octcluster.images.naming.patients import PatientName
from octcluster.images.naming.spellings import fold

_INITIALS = 2


def take_level(branches: Iterable[Branch], number: int) -> None:
    """Labels all folders by their name at a level, from 1, whatever it is."""
    for branch in branches:
        if len(branch.parts) >= number:
            branch.class_index = number - 1
            branch.place.label = branch.parts[number - 1]
            branch.levels = [i for i in branch.levels if i != number - 1]


def take_classes(branches: Sequence[Branch]) -> bool:
    """Takes the classes of the uppermost level whose names are findings; returns whether there is one."""
    for level in range(count_levels(branches)):
        found = names_of_level(branches, level)
        terms = _find_terms(found.values())
        others = {fold(name.value) for name in found.values() if name.role is Role.UNKNOWN}
        others |= {fold(n.value) for n in found.values() if n.role is Role.NUMBERED_CLASS} - terms
        # Two letters may be a person's initials: MH, GA beside JD.
        most_others = 0 if all(len(term) <= _INITIALS for term in terms) else len(terms)
        if len(terms) >= 2 and len(others) <= most_others:
            named = [name for name in found.values() if fold(name.value) in terms]
            numbered = sum(name.role is Role.NUMBERED_CLASS for name in named)
            for branch in branches:
                _take_class(branch, level, numbered=numbered > 0)
                if numbered >= MOST * len(named):
                    _take_its_number(branch)
            _take_numbers(branches)
            return True
    return False


def _find_terms(names: Iterable[FolderName]) -> set[str]:
    """The folds of the classes that a level names. AMD1, AMD2, DME1, ... are patients of AMD and DME.

    But DR1 to DR4 may be grades, and AMD1 beside AMD may be anything: numbered classes count only if nearly
    all names have a number, and there are several classes.
    """
    names = list(names)
    plain = [n for n in names if n.role in (Role.CLASS, Role.CLASS_AND_PATIENT)]
    numbered = [n for n in names if n.role is Role.NUMBERED_CLASS]
    terms = {fold(name.value) for name in plain}
    with_number = {fold(name.value) for name in numbered}
    if 2 <= len(with_number) < len(numbered) and len(numbered) >= MOST * (len(plain) + len(numbered)):
        terms |= with_number
    return terms


def _take_numbers(branches: Sequence[Branch]) -> None:
    """Numbers before classes are patients where classes have several: 001_AMD, 002_AMD, 003_NORMAL.

    Where each has one, they are for the order: 01_AMD, 02_NORMAL.
    """
    numbers: dict[str, set[str]] = {}
    numbered = [(branch, _find_number(branch)) for branch in branches]
    for branch, number in numbered:
        numbers.setdefault(fold(branch.place.label or ""), set()).add(number)
    if all("" not in found and len(found) > 1 for found in numbers.values()):
        for branch, number in numbered:
            branch.place.patient = PatientName(number, branch.place.label or "")


def _find_number(branch: Branch) -> str:
    """The number that the name of its class begins with."""
    name = "" if branch.class_index is None else branch.names[branch.class_index].name
    return name[: len(name) - len(name.lstrip("0123456789"))]


def _take_class(branch: Branch, level: int, *, numbered: bool) -> None:
    """Labels a folder by its name at the class level, or by another name that is a finding: P001/CNV."""
    at_level = branch.levels[level] if level < len(branch.levels) else None
    order = [at_level, *branch.levels] if at_level is not None else branch.levels
    known = (Role.CLASS, Role.CLASS_AND_PATIENT, *([Role.NUMBERED_CLASS] if numbered else []))
    index = next((i for i in order if branch.names[i].role in known), None)
    if index is None and at_level is not None:
        if branch.names[at_level].role not in (Role.UNKNOWN, Role.NUMBERED_CLASS):
            return
        index = at_level
        branch.place.label = branch.parts[index]
    elif index is not None:
        branch.place.label = branch.names[index].value
    else:
        return
    branch.class_index = index
    if branch.names[index].role is Role.CLASS_AND_PATIENT:
        branch.place.patient = PatientName(branch.names[index].name, "")
    branch.levels = [i for i in branch.levels if i != index]


def _take_its_number(branch: Branch) -> None:
    """Takes AMD1 for a patient, where nearly all classes have numbers; beside AMD it is a second folder."""
    index = branch.class_index
    if index is not None and branch.names[index].role is Role.NUMBERED_CLASS:
        branch.place.patient = PatientName(branch.names[index].name, "")
