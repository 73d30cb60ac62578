"""What was found in the pixels of images, in words for people, on the terminal and in the pages."""

from collections import Counter
from dataclasses import asdict

from octcluster.images.framing import Framing
from octcluster.images.notes import Note
from octcluster.images.pixel_faults import FAULTS, PixelFault
from octcluster.outputs.wording.words import capitalize, count
from octcluster.workflows.outcome import PixelReport

_WORTH_TELLING = 0.05
"""Of an image 512 wide and 496 high, a most usual size, 3% is not looked at: no news."""


def count_faults(pixels: PixelReport) -> dict[str, int]:
    """Number of images by kind of fault, of those kinds that there are."""
    numbers = Counter(found.fault.kind for _, found in pixels.faults)
    return {fault.kind: numbers[fault.kind] for fault in FAULTS if numbers[fault.kind]}


def describe_framing(pixels: PixelReport) -> dict[str, object] | None:
    """How much of the images is not looked at, for a record; None if their sizes are not known."""
    return None if pixels.framing is None else asdict(pixels.framing)


def note_pixels(pixels: PixelReport) -> list[Note]:
    """Notes what is wrong with how many images and what to do, and how much of the images is not looked at.

    Args:
        pixels: What was found.

    Returns:
        Notes that name nobody, one for each kind of fault.
    """
    numbers = count_faults(pixels)
    return [
        *(_note_fault(fault, numbers[fault.kind]) for fault in FAULTS if fault.kind in numbers),
        *_note_framing(pixels.framing),
    ]


def describe_pixels(pixels: PixelReport) -> list[str]:
    """The texts of ``note_pixels``."""
    return [note.text for note in note_pixels(pixels)]


def _note_fault(fault: PixelFault, images: int) -> Note:
    file = "failures.csv" if fault.refused else "warnings.csv"
    text = (
        f"{count(images, 'image')}: {fault.summary}. {capitalize(fault.cure)}; {file} lists "
        f"{'it' if images == 1 else 'them'}."
    )
    return Note(fault.kind, text, images, to_mend=True)


def _note_framing(framing: Framing | None) -> list[Note]:
    if framing is None or framing.worst_unseen_share < _WORTH_TELLING:
        return []
    band = ", and at a band along its retina where one is found" if framing.images_levelled else ""
    text = (
        "The network looks at the square in the centre of each image, at all of one at least twice as wide "
        f"as high{band}. "
        f"On average {framing.mean_unseen_share:.0%} of an image is not looked at, at most "
        f"{framing.worst_unseen_share:.0%}."
    )
    return [Note("unseen", text, framing.images_cut)]
