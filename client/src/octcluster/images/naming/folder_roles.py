"""What the folders of a tree stand for: classes, patients, eyes, visits, devices, splits.

First the names speak for themselves (``folder_names``). What stands beside classes and patients (``train``,
``OD``, ``2024-01-03``, ``png``) is put aside; the others make levels, from the top. A level whose names are
known findings is that of the classes. Another one is that of the patients, if its names are those of
patients, or numbers and codes of which there are enough. Everything else stays open: no class and no patient
is taken.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from octcluster.images.naming.class_level import take_classes, take_level
from octcluster.images.naming.folder_names import ASIDE, Role, eye_of, split_words
from octcluster.images.naming.folder_tree import (
    Branch,
    Place,
    count_levels,
    find_days,
    find_glued_eyes,
    read_branch,
)
from octcluster.images.naming.patient_level import take_patients
from octcluster.images.naming.side_files import Side, side_of_file
from octcluster.images.naming.spellings import fold
from octcluster.images.naming.vocabulary import words as vocabulary

MAX_CLASSES = 50


class Level(NamedTuple):
    """Folders of one level.

    Attributes:
        number: How deep they lie below IMAGES, from 1.
        names: Their names.
        images: Number of images in them.
    """

    number: int
    names: Sequence[str]
    images: int


@dataclass(frozen=True)
class FolderTree:
    """What was read out of the folders.

    Attributes:
        places: What is known of the images of a folder, by the folder's path below IMAGES.
        sure: Whether there are classes, by their names.
        named_patients: Whether the names of folders say that they are patients; else only their number does.
        open_levels: Levels whose meaning is not sure: classes, if there are no others, or patients.
        finer: Names of classes below those that were taken.
        lone_finding: The only finding that folders name, where there are no classes.
    """

    places: Mapping[str, Place]
    sure: bool
    named_patients: bool
    open_levels: Sequence[Level] = ()
    finer: Sequence[str] = ()
    lone_finding: str | None = None


def read_folders(folders: Mapping[str, int], class_level: int | None = None) -> FolderTree:
    """Reads what folders stand for.

    Args:
        folders: Number of images by path of their folder below IMAGES; ``""`` is IMAGES itself.
        class_level: How deep the classes lie, from 1, if somebody said so.

    Returns:
        What was read.
    """
    branches = [read_branch(path, images) for path, images in folders.items()]
    find_days(branches)
    find_glued_eyes(branches)
    for branch in branches:
        branch.levels = [i for i, name in enumerate(branch.names) if name.role not in ASIDE]
        _look_aside(branch)
    sure = True
    if class_level is not None:
        take_level(branches, class_level)
    else:
        sure = take_classes(branches)
    named = take_patients(branches)
    places = {branch.path: branch.place for branch in branches}
    finer = _list_finer_classes(branches) if sure and class_level is None else []
    patients = any(place.patient for place in places.values())
    unread = [] if finer or class_level or (sure and patients) else _list_open_levels(branches)
    lone = None if sure or class_level else _find_lone_finding(branches)
    return FolderTree(places, sure, named, unread, finer, lone)


def _find_lone_finding(branches: Sequence[Branch]) -> str | None:
    """The finding in the names of folders, if there is one alone."""
    found = {
        fold(name.value): name.value
        for branch in branches
        for name in branch.names
        if name.role in (Role.CLASS, Role.CLASS_AND_PATIENT)
    }
    return next(iter(found.values())) if len(found) == 1 else None


def _look_aside(branch: Branch) -> None:
    """What stands beside classes and patients; of several splits the outermost, of all else the innermost."""
    place = branch.place
    for part, name in zip(branch.parts, branch.names, strict=True):
        place.eye = name.eye or place.eye
        if name.role is Role.CLASS:  # train_CNV
            words = (word for word, _, _ in split_words(part))
            place.split = place.split or next((word for word in words if word in vocabulary("splits")), None)
        if name.role is Role.SPLIT:
            place.split = place.split or part
        elif name.role is Role.EYE:
            place.eye = eye_of(name.value.casefold())
        elif name.role is Role.VISIT:
            place.visit = name.value
        elif name.role is Role.DEVICE:
            place.device = name.value
        elif name.role is Role.MASKS:
            place.side = Side.MASK
        elif name.role is Role.CONTENT and side_of_file(part) is Side.PICTURE:
            place.side = Side.PICTURE


def _list_finer_classes(branches: Sequence[Branch]) -> list[str]:
    """Findings in names that stand beside those that were taken, if there are several."""
    found = {
        branch.names[index].value
        for branch in branches
        for index in branch.levels
        if branch.names[index].role is Role.CLASS
    }
    return sorted(found) if len(set(map(fold, found))) > 1 else []


def _list_open_levels(branches: Sequence[Branch]) -> list[Level]:
    """Levels of several names that are not those of patients."""
    levels = []
    for level in range(count_levels(branches)):
        images: Counter[str] = Counter()
        depths: Counter[int] = Counter()
        for branch in branches:
            if level < len(branch.levels):
                index = branch.levels[level]
                patient = branch.place.patient
                if branch.names[index].role is not Role.PATIENT and not (
                    patient and patient.name == branch.names[index].name
                ):
                    images[branch.parts[index]] += branch.images
                    depths[index + 1] += branch.images
        if len({fold(name) for name in images}) > 1:
            names = [name for name, _ in images.most_common()]
            levels.append(Level(depths.most_common(1)[0][0], names, sum(images.values())))
    return levels
