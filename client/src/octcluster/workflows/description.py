"""What a set of images is like before anything is learned from it: numbers, sizes, formats, patients."""

import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

from octcluster.images.headers import ImageHeader
from octcluster.images.image_set import ImageSet, Scan
from octcluster.images.leaks import Leaks, find_leaks
from octcluster.images.likeness import MAX_DIFFERENCE
from octcluster.model.results import Duplicates, NearDuplicate
from octcluster.workflows.outcome import NO_PIXELS, Failure, PixelReport
from octcluster.workflows.volumes import VolumeSummary, summarize_volumes

MEASURES = ("width", "height", "file_bytes")
"""What is measured of each image: attributes of its header."""


class HeaderKind(NamedTuple):
    """What headers of many images have in common; see ImageHeader."""

    format: str
    channels: int
    bits: int
    width: int
    height: int


_kind_of = attrgetter(*HeaderKind._fields)


@dataclass(frozen=True)
class Description:
    """What was found in the headers and pixels of images.

    Attributes:
        image_set: All images that were asked for.
        headers: What the header of each says, in their order; None where it cannot be read.
        failures: Why an image is unusable, by position; one with damaged pixels has a header all the same.
        copies: Images whose files are equal, byte for byte: each with the first one, similarity 1.
        alike: Images that look the same though their files differ, the most similar first; as many pairs as
            join them. None if no pixels were read. Similarity is 1 less the difference of fingerprints.
        versions: Version by name.
        stage_seconds: Wall-clock time by stage, in the order they ran.
        pixels: What was found in the pixels, as far as they were read, and how much a network would not see.
    """

    image_set: ImageSet
    headers: Sequence[ImageHeader | None]
    failures: Mapping[int, str]
    copies: Sequence[NearDuplicate]
    alike: Sequence[NearDuplicate] | None
    versions: Mapping[str, str]
    stage_seconds: Mapping[str, float]
    pixels: PixelReport = NO_PIXELS

    @cached_property
    def duplicates(self) -> Duplicates:
        """All pairs of images that are the same or look so, equal files first."""
        pairs = [*self.copies, *(self.alike or ())]
        return Duplicates(pairs, len(pairs), 1 - MAX_DIFFERENCE)

    @cached_property
    def leaks(self) -> Leaks:
        """Patients and duplicates in more than one class or split."""
        return find_leaks(self.image_set.images, self.duplicates)

    @cached_property
    def volumes(self) -> VolumeSummary | None:
        """What the volumes are; None if all images are plain."""
        return summarize_volumes(self.image_set)

    @property
    def failed_images(self) -> list[Failure]:
        """The unusable images."""
        images = self.image_set.images
        return [Failure(images[position], reason) for position, reason in self.failures.items()]

    @property
    def readable(self) -> list[tuple[Scan, ImageHeader]]:
        """The images whose header can be read."""
        pairs = zip(self.image_set.images, self.headers, strict=True)
        return [(image, header) for image, header in pairs if header is not None]

    @cached_property
    def kinds(self) -> Mapping[HeaderKind, int]:
        """Number of readable images by kind: few numbers of many images, which all counts come from."""
        counts = Counter(_kind_of(header) for _, header in self.readable)
        return {HeaderKind._make(kind): number for kind, number in counts.items()}

    @cached_property
    def subsets(self) -> "list[SubsetSize]":
        """How many images and patients there are of each class in each split, and in none."""
        return _count_subsets(self)

    @cached_property
    def spreads(self) -> "Mapping[str, Mapping[str | None, Spread]]":
        """How each of MEASURES is spread over the images of each class; those of none are under None."""
        headers: dict[str | None, list[ImageHeader]] = {}
        for image, header in self.readable:
            headers.setdefault(image.label, []).append(header)
        labels = [label for label in (*self.image_set.classes, None) if label in headers]
        return {
            name: {label: spread(list(map(attrgetter(name), headers[label]))) for label in labels}
            for name in MEASURES
        }

    @cached_property
    def splits(self) -> list[str]:
        """The splits that the images lie in, in the order in which they are used."""
        found = {image.split for image in self.image_set.images if image.split is not None}
        return sorted(found, key=lambda split: (_ORDER_OF_SPLITS.get(split.lower()[:3], 0), split))


_ORDER_OF_SPLITS = {"tra": 1, "val": 2, "tes": 3}


@dataclass(frozen=True)
class SubsetSize:
    """How many images and patients there are of one class in one split.

    Attributes:
        split: Name of the split; None: images in none.
        label: Name of the class; None: images of no known class.
        images: Number of image files.
        patients: Number of known patients.
        failed: How many of the images are unusable.
    """

    split: str | None
    label: str | None
    images: int
    patients: int
    failed: int


@dataclass(frozen=True)
class Spread:
    """How a number is spread over images, as the notebook study told it.

    Attributes:
        count: Number of images.
        mean: Their mean.
        standard_deviation: Of a sample: divided by count - 1; None for a single image.
        minimum: The smallest.
        lower_quartile: A quarter are at most this, interpolated linearly.
        median: A half are.
        upper_quartile: Three quarters are.
        maximum: The largest.
    """

    count: int
    mean: float
    standard_deviation: float | None
    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float


def _count_subsets(description: Description) -> list[SubsetSize]:
    images: Counter[tuple[str | None, str | None]] = Counter()
    failed: Counter[tuple[str | None, str | None]] = Counter()
    patients: dict[tuple[str | None, str | None], set[str | None]] = {}
    for position, image in enumerate(description.image_set.images):
        subset = (image.split, image.label)
        images[subset] += 1
        if position in description.failures:
            failed[subset] += 1
        patients.setdefault(subset, set()).add(image.patient)
    splits: list[str | None] = [*description.splits, None]
    labels: list[str | None] = [*description.image_set.classes, None]
    return [
        SubsetSize(split, label, images[subset], len(patients[subset] - {None}), failed[subset])
        for split in splits
        for label in labels
        if images[subset := (split, label)]
    ]


def spread(values: Sequence[int]) -> Spread:
    """How numbers, at least one, are spread."""
    # Quartiles of a single value need it twice.
    enough = values if len(values) > 1 else [*values, *values]
    lower, median, upper = statistics.quantiles(enough, method="inclusive")
    return Spread(
        count=len(values),
        mean=sum(values) / len(values),
        standard_deviation=_deviation(values) if len(values) > 1 else None,
        minimum=min(values),
        lower_quartile=lower,
        median=median,
        upper_quartile=upper,
        maximum=max(values),
    )


def _deviation(values: Sequence[int]) -> float:
    """Standard deviation of a sample: whole numbers are exact without the fractions of statistics."""
    count, total = len(values), sum(values)
    return math.sqrt((count * sum(value * value for value in values) - total * total) / (count * (count - 1)))


def count_by(
    description: Description, kind: Callable[[HeaderKind], tuple[int | str, ...]]
) -> list[tuple[tuple[int | str, ...], int]]:
    """Counts the images of each kind, the most frequent first.

    Args:
        description: What was found.
        kind: Tells the kind by what headers have in common.

    Returns:
        Kinds with their numbers of images.
    """
    found: Counter[tuple[int | str, ...]] = Counter()
    for each, number in description.kinds.items():
        found[kind(each)] += number
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))


def draw_samples(description: Description, count: int, seed: int) -> dict[str | None, list[int]]:
    """Draws usable images of each class at random.

    Args:
        description: What was found.
        count: Number of images of a class; of a class with fewer all are taken.
        seed: Seed of the draw; what is drawn of one class depends on the seed and on its images only.

    Returns:
        Positions of the images by class, sorted; images of no known class are under None, if there are any.
    """
    positions: dict[str | None, list[int]] = {}
    for position, image in enumerate(description.image_set.images):
        if position not in description.failures:
            positions.setdefault(image.label, []).append(position)
    labels: Iterable[str | None] = [*description.image_set.classes, None]
    return {
        label: sorted(
            random.Random(f"{seed}:{label}").sample(positions[label], min(count, len(positions[label])))  # noqa: S311
        )
        for label in labels
        if label in positions
    }
