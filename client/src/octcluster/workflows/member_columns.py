"""The members of a run, each made when it is asked for, out of what is known of the images."""

from array import array
from collections.abc import Iterator, Sequence
from typing import overload

from octcluster.images.eyes import ScannedEye
from octcluster.model.runs import Member
from octcluster.workflows.keyed_images import KeyedImages

_UNKNOWN = -1


class MemberColumns(Sequence[Member]):
    """The good images of a job as members: a million such objects would take ten times as much."""

    def __init__(
        self, images: KeyedImages, classes: Sequence[str], eyes: Sequence[ScannedEye] | None
    ) -> None:
        """Numbers classes, patients and units.

        Args:
            images: The images.
            classes: Their classes; an index into them is the number of a class.
            eyes: The eyes that are clustered; None: each image is.
        """
        self._images = images
        self._positions = array("i", images.good_positions())
        scans = images.images
        class_of = {label: index for index, label in enumerate(classes)}
        names = sorted({p for position in self._positions if (p := scans[position].patient) is not None})
        patient_of = {patient: index for index, patient in enumerate(names)}
        self._classes = array("i")
        for position in self._positions:
            label = scans[position].label
            self._classes.append(_UNKNOWN if label is None else class_of[label])
        self._patients = array("i")
        for position in self._positions:
            patient = scans[position].patient
            self._patients.append(_UNKNOWN if patient is None else patient_of[patient])
        self._units = array("i", [_UNKNOWN]) * len(self._positions)
        for unit, eye in enumerate(eyes or ()):
            for row in eye.rows:
                self._units[row] = unit

    @overload
    def __getitem__(self, index: int) -> Member: ...
    @overload
    def __getitem__(self, index: slice) -> list[Member]: ...
    def __getitem__(self, index: int | slice) -> Member | list[Member]:
        if isinstance(index, slice):
            return [self._member(row) for row in range(*index.indices(len(self)))]
        return self._member(range(len(self))[index])

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[Member]:
        return map(self._member, range(len(self)))

    def _member(self, row: int) -> Member:
        position = self._positions[row]
        return Member(
            image_key=self._images.keys[position],
            class_index=_known(self._classes[row]),
            patient_index=_known(self._patients[row]),
            numbers=self._images.audited_numbers(position),
            unit_index=_known(self._units[row]),
        )


def _known(number: int) -> int | None:
    return None if number == _UNKNOWN else number
