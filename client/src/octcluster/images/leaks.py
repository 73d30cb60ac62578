"""Where one half of the images tells about the other: patients and near-duplicates on both sides of a line.

Only the client can look: patients' names and the folders of images stay with it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from octcluster.images.image_set import Scan
from octcluster.images.key_column import find_first_equal
from octcluster.model.results import Duplicates, NearDuplicate


@dataclass(frozen=True)
class Leaks:
    """What a leak check found.

    Attributes:
        patients: Number of known patients.
        repeated_patients: Number of those with several images.
        classes: Number of known classes.
        splits: The splits that the images lie in, sorted; empty if no folder has the name of one.
        patients_in_classes: The classes of each patient that has images in more than one.
        patients_in_splits: The splits of each patient that has images in more than one.
        pairs_across_patients: Number of listed near-duplicates with two known patients.
        pairs_across_classes: Number of listed near-duplicates with two known classes.
        pairs_across_splits: Number of listed near-duplicates in two splits.
    """

    patients: int
    repeated_patients: int
    classes: int
    splits: Sequence[str]
    patients_in_classes: Mapping[str, Sequence[str]]
    patients_in_splits: Mapping[str, Sequence[str]]
    pairs_across_patients: int
    pairs_across_classes: int
    pairs_across_splits: int


def knows_patients(members: Sequence[Scan]) -> bool:
    """Whether the patient of any image is known."""
    return any(image.patient is not None for image in members)


def has_repeated_patients(members: Sequence[Scan]) -> bool:
    """Whether any known patient has several images."""
    patients = [image.patient for image in members if image.patient is not None]
    return len(set(patients)) < len(patients)


def find_leaks(members: Sequence[Scan], duplicates: Duplicates) -> Leaks:
    """Looks for patients and near-duplicates in more than one class or split.

    Args:
        members: The images that were clustered, in the order of the run.
        duplicates: What the run found among them.

    Returns:
        What was found.
    """
    splits = [image.split for image in members]
    labels = [image.label for image in members]
    patients = [image.patient for image in members]
    pairs = [(pair.first_member, pair.second_member) for pair in duplicates.pairs]

    def count_across(column: Sequence[str | None]) -> int:
        known = ((column[first], column[second]) for first, second in pairs)
        return sum(first is not None and second is not None and first != second for first, second in known)

    return Leaks(
        patients=len(set(patients) - {None}),
        repeated_patients=sum(
            number > 1 for patient, number in Counter(patients).items() if patient is not None
        ),
        classes=len(set(labels) - {None}),
        splits=sorted({split for split in splits if split is not None}),
        patients_in_classes=_in_several(patients, labels),
        patients_in_splits=_in_several(patients, splits),
        pairs_across_patients=count_across(patients),
        pairs_across_classes=count_across(labels),
        pairs_across_splits=count_across(splits),
    )


def add_copies(duplicates: Duplicates, image_keys: Sequence[bytes]) -> Duplicates:
    """Puts images that are equal, byte for byte, before those that are nearly the same.

    Args:
        duplicates: Pairs of different images.
        image_keys: Image key of each member.

    Returns:
        All pairs; each copy makes one, with the first image that it is a copy of.
    """
    copies = [
        NearDuplicate(first, member, 1.0)
        for member, first in enumerate(find_first_equal(image_keys))
        if first != member
    ]
    return replace(
        duplicates, pairs=[*copies, *duplicates.pairs], total_pairs=len(copies) + duplicates.total_pairs
    )


def _in_several(patients: Sequence[str | None], column: Sequence[str | None]) -> dict[str, list[str]]:
    first: dict[str, str] = {}
    several: dict[str, set[str]] = {}
    for patient, value in zip(patients, column, strict=True):
        if patient is not None and value is not None and first.setdefault(patient, value) != value:
            several.setdefault(patient, {first[patient]}).add(value)
    return {patient: sorted(values) for patient, values in sorted(several.items())}
