"""What a person should know of a set of images before relying on what is made of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """One finding, in the same sentence wherever it is told: terminal, report, JSON.

    Attributes:
        kind: Short name for programs: ``classes``, ``label_spellings``.
        text: A sentence or two, with the cure if there is something to mend; names classes, but no file,
            folder, patient or id.
        images: Number of images that it is about.
        examples: A few names of files or folders, ``1016042 (CNV-1016042-1.jpeg)``. Shown on the terminal
            only, for they may be patients'.
        to_mend: Whether something should be mended before a run; else it only tells how names were read.
    """

    kind: str
    text: str
    images: int
    examples: Sequence[str] = ()
    to_mend: bool = False


def count_images(number: int) -> str:
    """``1 image``, ``1,200 images``."""
    return f"{number:,} image{'' if number == 1 else 's'}"


def join_names(names: Iterable[str], most: int) -> str:
    """The first names, and dots if there are more."""
    shown = list(names)
    return ", ".join(shown[:most]) + (", ..." if len(shown) > most else "")
