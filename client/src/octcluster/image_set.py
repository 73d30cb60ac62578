"""A set of image files with what is known about each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ImageFile:
    """One image file.

    Attributes:
        path: Where the file lies.
        name: Path relative to IMAGES with forward slashes: what outputs call the image. Stays on this machine.
        label: Known class, or None.
        patient: Patient identifier, or None. Stays on this machine.
    """

    path: Path
    name: str
    label: str | None = None
    patient: str | None = None


@dataclass(frozen=True)
class ImageSet:
    """Image files in the order of their names.

    Attributes:
        root: Folder that the names are relative to.
        images: The files, sorted by name.
        label_source: Where the labels come from: ``folder``, ``filename``, ``none``, or ``csv``.
    """

    root: Path
    images: Sequence[ImageFile]
    label_source: str

    @property
    def classes(self) -> list[str]:
        """The known classes, sorted; a class index is a position in this list."""
        return sorted({image.label for image in self.images if image.label is not None})
