"""Which level of folders is that of the patients."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from octcluster.images.naming.folder_names import Role, names_patient, split_words
from octcluster.images.naming.folder_tree import MOST, Branch, count_levels, names_of_level
from octcluster.images.naming.patients import PatientName
from octcluster.images.naming.spellings import fold
from octcluster.images.naming.vocabulary import words as vocabulary

_FEWEST_PATIENTS = 3
_LONG_ID = 4
_GRADES = 10
_MOST_OF_A_PATIENT = 1000


def take_patients(branches: Sequence[Branch]) -> bool:
    """Takes the patients of the level that is theirs; returns whether names say so, and not only numbers."""
    if any(branch.place.patient for branch in branches):
        return True
    depth = count_levels(branches)
    for judge in (_are_named_patients, _are_numbered_patients):
        for level in range(depth):
            if judge(branches, level):
                for branch in branches:
                    if level < len(branch.levels):
                        branch.place.patient = _name_patient(branch, level)
                return judge is _are_named_patients
    return False


def _name_patient(branch: Branch, level: int) -> PatientName | None:
    """The patient with what it stands under. Sites count anew, and numbers do in each split; names do not."""
    index = branch.levels[level]
    role = branch.names[index].role
    if role is Role.UNKNOWN:
        return None
    counts = (*branch.levels, branch.class_index)
    above = [
        part
        for i, part in enumerate(branch.parts[:index])
        if i in counts
        or (role is Role.NUMBER and branch.names[i].role is Role.SPLIT)
        or any(word in vocabulary("sites") for word, _, _ in split_words(part))
    ]
    return PatientName(branch.names[index].name, "/".join(above))


def _are_named_patients(branches: Sequence[Branch], level: int) -> bool:
    """Whether nearly all names are those of patients: half of them by a word for it, others by a code.

    ``NORMAL/NORMAL12`` is the twelfth patient of its class.
    """
    at_level = [branch for branch in branches if level < len(branch.levels)]
    named, coded, all_names = set(), set(), set()
    for branch in at_level:
        name = branch.names[branch.levels[level]]
        all_names.add(name.name)
        if name.role is Role.PATIENT or (
            name.role in (Role.CLASS_AND_PATIENT, Role.NUMBERED_CLASS)
            and (
                fold(name.value) == fold(branch.place.label or "")
                or names_patient([word for word, _, _ in split_words(name.name)][:2])
            )
        ):
            named.add(name.name)
        elif name.role is Role.CODE:
            coded.add(name.name)
    return len(named) >= max(1, len(coded)) and len(named) + len(coded) >= MOST * len(all_names)


def _are_numbered_patients(branches: Sequence[Branch], level: int) -> bool:
    """Whether numbers and codes of a level are patients, and no grades, parts or visits."""
    names = names_of_level(branches, level)
    ids = [text for text, name in names.items() if name.role in (Role.NUMBER, Role.CODE, Role.PATIENT)]
    if len(ids) < max(1, MOST * len(names)):
        return False
    images: Counter[tuple[str, ...]] = Counter()
    classes = set()
    for branch in branches:
        if level < len(branch.levels):
            images[(str(branch.place.label), *branch.parts[: branch.levels[level] + 1])] += branch.images
            classes.add(branch.place.label)
    fewest = _FEWEST_PATIENTS if len(classes - {None}) < 2 else 2
    if len(images) < fewest or median(images.values()) > _MOST_OF_A_PATIENT:
        return False
    # Without classes beside them, a few short numbers may be grades.
    long = [text for text in ids if sum(character.isdigit() for character in text) >= _LONG_ID]
    return len(classes - {None}) > 1 or len(ids) > _GRADES or len(long) >= MOST * len(ids)
