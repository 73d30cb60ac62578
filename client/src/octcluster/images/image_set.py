"""A set of scans with what is known about each."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from octcluster.images.naming.spellings import fold
from octcluster.images.notes import Note
from octcluster.images.readers.reader import Eye, ScanFacts
from octcluster.model.errors import InvalidImageSet

_OCT2017 = re.compile(r"(?:^|/)(?:CNV|DME|DRUSEN|NORMAL)-(?P<patient>\d{4,7})-\d+\.jpeg$")
_DIGITS_OF_PHANTOMS = 5


@dataclass(frozen=True, slots=True)
class Scan:
    """One B-scan: a plain image, or one of those that a source file holds.

    A run holds one for each image: what they have in common, they share.

    Attributes:
        root: Folder that the name is relative to; the same object for all scans.
        name: Path relative to IMAGES with forward slashes, and ``#12`` for the twelfth of several scans of a
            file: what outputs call the scan. Stays on this machine.
        label: Known class, or None.
        patient: Patient identifier, or None. Stays on this machine.
        eye: ``OD`` (right) or ``OS`` (left): what a table says, else the file, else its folders and name.
        visit: Day or name of the visit, from the file or its folders.
        device: Name of the device, from the file or its folders.
        split: Folder of a split (``train``) that it lies in, or None.
        number: Which of the file's scans it is, from 1; None: the file is a plain image.
        facts: What the file tells of the scan; None: it is a plain image.
        format: Format of the file, for people; None: it is a plain image.
        fault: Why the file cannot be read, if looking into it has told that.
    """

    root: Path
    name: str
    label: str | None = None
    patient: str | None = None
    eye: Eye | None = None
    visit: str | None = None
    device: str | None = None
    split: str | None = None
    number: int | None = None
    facts: ScanFacts | None = None
    format: str | None = None
    fault: str | None = None

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.root / self.file_name

    @property
    def file_name(self) -> str:
        """The name of its file: path relative to IMAGES."""
        return self.name if self.number is None else self.name.removesuffix(f"#{self.number}")

    @property
    def order(self) -> tuple[str, int]:
        """Where it stands among others: by the name of its file, then by its number."""
        return self.file_name, self.number or 0


@dataclass(frozen=True)
class ImageSet:
    """Scans in the order of their names.

    Attributes:
        root: Folder that the names are relative to.
        images: The scans, sorted by the name of their file and their number.
        label_source: Where the labels come from: ``folder``, ``filename``, ``none``, or ``csv``.
        ignored_files: Number of files in the folder that hold no scans and do not seem to.
        ignored_endings: Their number by extension in lower case, the most frequent first; empty for a list.
        stray_rows: Numbers of the rows of the labels' CSV file that name none of the images.
        notes: What a person should know of them, the same sentences everywhere.
        formats: Number of files that hold scans, by format; plain images are not among them.
        left_out: Number of contents of these files that are no scans, by what they are.
    """

    root: Path
    images: Sequence[Scan]
    label_source: str
    ignored_files: int = 0
    ignored_endings: Mapping[str, int] = field(default_factory=dict)
    stray_rows: Sequence[int] = ()
    notes: Sequence[Note] = ()
    formats: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def classes(self) -> list[str]:
        """The known classes, sorted; a class index is a position in this list."""
        return sorted({image.label for image in self.images if image.label is not None})


def seems_oct2017(image_set: ImageSet) -> bool:
    """Whether all images are named as those of OCT2017 are (doi:10.17632/rscbjbr9sj.3); phantoms are not."""
    patients = [
        found and found["patient"] for found in map(_OCT2017.search, (s.name for s in image_set.images))
    ]
    # Phantoms, which have the same form, have five digits.
    return all(patients) and any(patient and len(patient) > _DIGITS_OF_PHANTOMS for patient in patients)


def sample_per_class(image_set: ImageSet, count: int, seed: int) -> ImageSet:
    """Draws images of each class at random; images without a label are left out.

    What is drawn of one class depends on the seed and on the images of that class only.

    Args:
        image_set: Images with labels.
        count: Number of images of each class; a class with fewer gives all it has.
        seed: Seed of the draw.

    Returns:
        The drawn images, sorted by name.

    Raises:
        InvalidImageSet: No image has a label.
    """
    if not image_set.classes:
        raise InvalidImageSet(
            f"--per-class {count} needs labels, and no image has one: say which folders are the classes "
            "(--labels folder:1), name images <disease>-<patient>-<number>, or give --labels FILE.csv"
        )
    drawn: list[Scan] = []
    for label in image_set.classes:
        candidates = [image for image in image_set.images if image.label == label]
        source = random.Random(f"{seed}:{label}")  # noqa: S311
        drawn += source.sample(candidates, min(count, len(candidates)))
    return replace(image_set, images=sorted(drawn, key=lambda image: image.order))


def spell_classes(image_set: ImageSet, names: Sequence[str]) -> ImageSet:
    """Gives classes the spelling of others that are already known: those of an earlier run.

    Args:
        image_set: Images with labels.
        names: The classes as the earlier run called them.

    Returns:
        The images, with these names where theirs are other spellings of them.
    """
    known = {fold(name): name for name in names}
    spelled = {label: known[fold(label)] for label in image_set.classes if fold(label) in known}
    images = [replace(image, label=spelled.get(image.label or "", image.label)) for image in image_set.images]
    return replace(image_set, images=images)
