"""What was found out about a set of images, for records and pages: sentences that name nobody."""

from octcluster.images.image_set import ImageSet
from octcluster.outputs.wording.pixels import note_pixels
from octcluster.outputs.wording.words import show_text
from octcluster.workflows.outcome import NO_PIXELS, PixelReport


def record_notes(image_set: ImageSet, pixels: PixelReport = NO_PIXELS) -> list[dict[str, object]]:
    """The notes as JSON values, without their examples, which may name patients."""
    return [
        {"kind": note.kind, "text": show_text(note.text), "images": note.images, "to_mend": note.to_mend}
        for note in (*image_set.notes, *note_pixels(pixels))
    ]


def tell_notes(image_set: ImageSet) -> list[str]:
    """How names were read: what was taken for what."""
    return [show_text(note.text) for note in image_set.notes if not note.to_mend]


def tell_faults(image_set: ImageSet) -> list[str]:
    """What should be mended before a run."""
    return [show_text(note.text) for note in image_set.notes if note.to_mend]
