"""What a set of images is like, in words for people, on the terminal and in the page."""

from collections.abc import Sequence

from octcluster.outputs.describe.volumes import describe_volumes
from octcluster.outputs.wording.leaks import describe_leaks
from octcluster.outputs.wording.notes import tell_faults
from octcluster.outputs.wording.pixels import describe_pixels
from octcluster.outputs.wording.words import are, count, describe_stray_rows
from octcluster.workflows.description import Description, HeaderKind, SubsetSize, count_by

UNKNOWN = "no known class"
UNSPLIT = "in no split"
_UNEVEN = 2.0


def describe_answer(description: Description) -> list[str]:
    """What the images are, in sentences that name nobody, the most important first."""
    images, classes = description.image_set.images, description.image_set.classes
    where = f" in {count(len(classes), 'class')}" if classes else ""
    split = f" and {count(len(description.splits), 'split')}" if description.splits else ""
    patients = {image.patient for image in images} - {None}
    sentences = [
        f"There {are(len(images))} {count(len(images), 'image')}{where}{split}"
        + (f", of {count(len(patients), 'patient')}." if patients else ". No patient is known.")
        + ("" if classes else " No class is known.")
    ]
    formats = count_by(description, format_of)
    if formats:
        total = sum(description.kinds.values())
        most, number = formats[0]
        everything = "All" if total == len(images) else f"All {total:,} whose header can be read"
        share = everything if number == total else f"{number / total:.1%}"
        sentences.append(f"{share} are {_name_format(most)}.")
        sizes = sorted({(kind.width, kind.height) for kind in description.kinds})
        if len(sizes) == 1:
            sentences.append(f"{everything} have {sizes[0][0]} x {sizes[0][1]} pixels.")
        else:
            widths = _name_range("width", [width for width, _ in sizes])
            heights = _name_range("height", [height for _, height in sizes])
            sentences.append(f"They have {len(sizes):,} different sizes: {widths} and {heights}.")
    return sentences + describe_volumes(description.volumes)


def _name_range(name: str, values: Sequence[int]) -> str:
    if min(values) == max(values):
        return f"all with a {name} of {values[0]:,} pixels"
    return f"{name}s from {min(values):,} to {max(values):,} pixels"


def describe_standouts(description: Description) -> list[str]:
    """What a person should look at before going on, in sentences that name nobody."""
    found = []
    failed = len(description.failures)
    if failed:
        found.append(f"{count(failed, 'image')} cannot be used; failures.csv says why.")
    sizes = count_classes(description.subsets)
    known = {label: number for label, number in sizes.items() if label is not None}
    if known and max(known.values()) >= _UNEVEN * min(known.values()):
        most, least = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
        found.append(
            f"The classes are uneven: {known[most]:,} images of {most}, {known[least]:,} of {least}. "
            "Clusters of rare classes are less sure."
        )
    if None in sizes and known:
        found.append(f"{count(sizes[None], 'image')} without a known class.")
    found += describe_stray_rows(description.image_set)
    sentences = describe_leaks(description.leaks, description.duplicates)
    if description.leaks.patients == 0:
        sentences = sentences[1:]
    found += sentences
    if description.alike is None:
        found.append("No pixels were read: images that only look the same, and damaged pixels, stay unknown.")
    return [*found, *describe_pixels(description.pixels), *tell_faults(description.image_set)]


def count_classes(subsets: Sequence[SubsetSize]) -> dict[str | None, int]:
    """The number of images by class; those of no known class are under None, if there are any."""
    sizes: dict[str | None, int] = {}
    for subset in subsets:
        sizes[subset.label] = sizes.get(subset.label, 0) + subset.images
    return sizes


def format_of(header: HeaderKind) -> tuple[int | str, ...]:
    """Format, channels and bits of a channel."""
    return header.format, header.channels, header.bits


def _name_format(kind: Sequence[int | str]) -> str:
    name, channels, bits = kind
    colour = "greyscale" if channels == 1 else f"with {channels} channels"
    return f"{name}, {bits} bits {colour}"
