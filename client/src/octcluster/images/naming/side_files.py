"""Files and folders beside the scans: masks and overlays, and pictures of the retina from the front."""

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from posixpath import splitext

from octcluster.images.naming.vocabulary import words


class Side(StrEnum):
    """What lies beside the scans."""

    MASK = "mask"
    PICTURE = "picture"


def side_of_file(file_name: str) -> Side | None:
    """What the name of a file says that it is instead of a scan.

    Args:
        file_name: Its name, with or without the folders above.

    Examples:
        >>> side_of_file("AMD/12_seg.png"), side_of_file("Fundus_12_OD.jpg"), side_of_file("CNV-12-1.jpeg")
        (<Side.MASK: 'mask'>, <Side.PICTURE: 'picture'>, None)
    """
    stem = splitext(file_name.rpartition("/")[2])[0].casefold()
    aside, scan = _patterns()
    found = aside.search(stem)
    if found is None:
        return None
    if found["mask"]:
        return Side.MASK
    return None if scan.search(stem) else Side.PICTURE


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What masks and other pictures are called, some words anywhere, others at the end alone; and scans."""
    mask = f"{_anywhere(words('mask_nouns'))}|{_at_end(words('mask_endings'))}"
    picture = f"{_anywhere(words('pictures'))}|{_at_end(words('picture_endings'))}"
    return re.compile(f"(?P<mask>{mask})|{picture}"), re.compile(_anywhere(("octs?", "b-?scans?")))


def _anywhere(choices: Iterable[str]) -> str:
    return rf"(?<![^\W\d_])(?:{'|'.join(sorted(choices))})(?![^\W\d_])"


def _at_end(choices: Iterable[str]) -> str:
    return rf"[-_ .](?:{'|'.join(sorted(choices))})[-_ ]?\d{{0,2}}$"
