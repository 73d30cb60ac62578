"""The images of a job by their positions: keys, measures, and why some of them have no vector.

All of it lies in columns: a job of a million images holds little more than their names, keys and measures.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from octcluster.images.framing import Framing, measure_framing
from octcluster.images.image_set import Scan
from octcluster.images.key_column import KeyColumn
from octcluster.images.pixel_faults import RETINA_NOT_SOUGHT, FoundFault, find_faults
from octcluster.model.runs import PLAIN_VIEW

AUDITED_MEASURES = ("width", "height", "brightness", "white_border_share")
"""The measures of images that are compared with the clusters; the others tell what is wrong with an image."""


class MeasureTable:
    """What was measured of images, float32 values by position.

    Attributes:
        names: What is measured of each image.
    """

    def __init__(self, images: int, names: Sequence[str]) -> None:
        """Makes room for the measures of so many images."""
        self.names = names
        self._values = array("f", bytes(4 * images * len(names)))
        self._known = bytearray(images)

    def __contains__(self, position: int) -> bool:
        return bool(self._known[position])

    def __getitem__(self, position: int) -> tuple[float, ...]:
        """The measures of an image in the order of the names; empty if they are not known."""
        if position not in self:
            return ()
        start = position * len(self.names)
        return tuple(self._values[start : start + len(self.names)])

    def __setitem__(self, position: int, measures: Sequence[float]) -> None:
        start = position * len(self.names)
        self._values[start : start + len(self.names)] = array("f", measures)
        self._known[position] = True


@dataclass
class KeyedImages:
    """The images of a job with their keys, and what is known about those without a vector.

    Images with equal keys share what is known: it stands at the position of the first of them.

    Attributes:
        images: The images, in the job's order.
        keys: Key of each image; of an unreadable one it means nothing.
        first: For each image the position of the first one with an equal key.
        unreadable: Why the file of an image could not be read, by position.
        embedded: Whether the vector was computed in this job, by position of the first.
        failed: Why an image with this key has no vector.
        measures: What was measured, by position of the first.
        views: What the network is shown of the images.
    """

    images: Sequence[Scan]
    keys: KeyColumn
    first: "array[int]"
    unreadable: dict[int, str]
    embedded: bytearray
    failed: dict[bytes, str] = field(default_factory=dict)
    measures: MeasureTable = field(default_factory=lambda: MeasureTable(0, ()))
    views: tuple[str, ...] = PLAIN_VIEW

    def good_positions(self) -> Iterator[int]:
        """The images that have, or may still get, a vector."""
        for position in range(len(self.images)):
            if position not in self.unreadable and not (self.failed and self.keys[position] in self.failed):
                yield position

    def distinct_positions(self) -> Iterator[int]:
        """Those of the good images that are the first with their key."""
        return (position for position in self.good_positions() if self.first[position] == position)

    def count_good(self) -> int:
        """The number of good images."""
        return sum(1 for _ in self.good_positions())

    def count_embedded(self) -> int:
        """The number of distinct good images whose vectors were computed in this job."""
        return sum(self.embedded[position] for position in self.distinct_positions())

    def good_scans(self) -> Sequence[Scan]:
        """The good images."""
        if not self.unreadable and not self.failed:
            return self.images
        return [self.images[position] for position in self.good_positions()]

    def good_keys(self) -> KeyColumn:
        """Their keys."""
        if not self.unreadable and not self.failed:
            return self.keys
        return KeyColumn.of(self.keys[position] for position in self.good_positions())

    def good(self) -> list[tuple[Scan, bytes]]:
        """Both of them, in pairs."""
        return list(zip(self.good_scans(), self.good_keys(), strict=True))

    def numbers(self, position: int) -> dict[str, float]:
        """The measures of an image by name, those that matter to its views; empty if they are not known."""
        measures = self.measures
        numbers = dict(zip(measures.names, self._measures(position), strict=False))
        if "retina" not in self.views:
            numbers.pop("retina_found", None)
        return numbers

    def keep_measures(self, position: int, measures: Sequence[float]) -> None:
        """Notes measures; of the retina those before, where no view asked for it this time."""
        known = self._measures(position) or measures
        triples = zip(self.measures.names, measures, known, strict=True)
        not_sought = ("retina_found", RETINA_NOT_SOUGHT)
        kept = [old if (name, new) == not_sought else new for name, new, old in triples]
        self.measures[self.first[position]] = kept

    def is_measured(self, position: int) -> bool:
        """Whether an image's measures are known, and its retina was looked for if a view asks for it."""
        known = self.first[position] in self.measures
        return known and self.numbers(position).get("retina_found") != RETINA_NOT_SOUGHT

    def audited_numbers(self, position: int) -> dict[str, float]:
        """Those of an image's measures that clusters should not follow."""
        numbers = self.numbers(position)
        return {name: numbers[name] for name in AUDITED_MEASURES if name in numbers}

    def faults(self) -> list[tuple[Scan, FoundFault]]:
        """What is wrong with the pixels of images, as far as they were measured; of refused images, too."""
        readable = (position for position in range(len(self.images)) if position not in self.unreadable)
        return [
            (self.images[position], fault)
            for position in readable
            if self._measures(position)
            for fault in find_faults(self.numbers(position))
        ]

    def framing(self) -> Framing | None:
        """How much of the good images is not looked at; None if their sizes are not known."""
        known = (self.numbers(position) for position in self.good_positions() if self._measures(position))
        return measure_framing(
            (
                numbers["width"],
                numbers["height"],
                PLAIN_VIEW if numbers.get("retina_found") == 0 else self.views,
            )
            for numbers in known
        )

    def refuse(self) -> None:
        """Notes as failed those images in whose pixels nothing can be seen."""
        for position in self.distinct_positions():
            for found in find_faults(self.numbers(position)) if self._measures(position) else ():
                if found.fault.refused:
                    self.failed[self.keys[position]] = found.sentence

    def bad(self) -> list[tuple[Scan, str]]:
        """The other images, each with the reason."""
        found: list[tuple[Scan, str]] = []
        if not self.unreadable and not self.failed:
            return found
        for position, image in enumerate(self.images):
            reason = self.unreadable.get(position) or self.failed.get(self.keys[position])
            if reason is not None:
                found.append((image, reason))
        return found

    def _measures(self, position: int) -> tuple[float, ...]:
        return self.measures[self.first[position]] if self.measures.names else ()
