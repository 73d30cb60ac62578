"""Which B-scans of each volume are taken: all, the middle one, or some about it."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

from octcluster.images.image_set import ImageSet, Scan
from octcluster.images.notes import Note
from octcluster.images.readers.reader import ScanFacts

ALL, MIDDLE = "all", "middle"


def choose_scans(image_set: ImageSet, choice: str | int) -> ImageSet:
    """Takes some B-scans of each volume; plain images and files that cannot be read are kept.

    Args:
        image_set: The scans.
        choice: ``all``, ``middle``, or how many: those that lie in the middle of as many equal parts of the
            volume, so that 1 is the middle one. A volume with less gives all it has.

    Returns:
        The chosen scans, in their order.
    """
    if not image_set.formats:
        return image_set
    if choice == ALL:
        return replace(image_set, notes=[*image_set.notes, _describe(image_set.images)])
    count = 1 if choice == MIDDLE else int(choice)
    kept = {
        volume[place].order
        for volume in list_volumes(image_set.images).values()
        for place in spread_about_middle(len(volume), count)
    }
    images = [scan for scan in image_set.images if scan.number is None or scan.order in kept]
    note = _describe(image_set.images, f"; --scans {choice} takes {count_scans(images):,} of them")
    return replace(image_set, images=images, notes=[*image_set.notes, note])


def _describe(scans: Sequence[Scan], taken: str = "") -> Note:
    """Says how many files, eyes and scans there are."""
    number = count_scans(scans)
    files = len({scan.file_name for scan in scans if scan.number is not None})
    eyes = len({(scan.patient, scan.eye) for scan in scans if scan.number is not None and scan.eye})
    volumes = len(list_volumes(scans))
    text = (
        f"{_count(number, 'B-scan')} in {_count(files, 'file')} "
        f"({_count(volumes, 'volume')}, {_count(eyes, 'known eye')}){taken}."
    )
    return Note("volumes", text, number)


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def count_scans(scans: Iterable[Scan]) -> int:
    """The number of scans that are no plain images."""
    return sum(scan.number is not None for scan in scans)


def list_volumes(scans: Iterable[Scan]) -> Mapping[Hashable, Sequence[Scan]]:
    """Gathers the scans of each volume, in the order in which they lie beside each other.

    Args:
        scans: Scans; plain images are left out.

    Returns:
        Scans by volume. Files of a single scan belong to one volume if they name the same one, and the same
        patient and eye: tools that remove names may give all volumes one name. A larger file is a volume of
        its own, or several, if it names several.
    """
    members = [scan for scan in scans if scan.number is not None]
    in_file = Counter(scan.file_name for scan in members)
    volumes: dict[Hashable, list[Scan]] = {}
    for scan in members:
        facts = scan.facts or ScanFacts()
        is_part = in_file[scan.file_name] == 1 and facts.volume is not None
        source = (scan.patient, scan.eye) if is_part else scan.file_name
        volumes.setdefault((source, facts.volume), []).append(scan)
    for volume in volumes.values():
        volume.sort(key=_place)
    return volumes


def _place(scan: Scan) -> tuple[int, tuple[str, int]]:
    position = scan.facts.position if scan.facts is not None else None
    return (scan.number or 0) if position is None else position, scan.order


def spread_about_middle(length: int, count: int) -> list[int]:
    """Positions in the middle of equal parts of a row.

    Args:
        length: Length of the row.
        count: Number of parts.

    Returns:
        ``count`` different positions from 0, ascending; all of a shorter row.

    Examples:
        >>> spread_about_middle(49, 1), spread_about_middle(25, 3), spread_about_middle(2, 5)
        ([24], [4, 12, 20], [0, 1])
    """
    if count >= length:
        return list(range(length))
    return [(2 * part + 1) * length // (2 * count) for part in range(count)]
