"""Which words of a name are a finding, and so name a class of images."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple
from unicodedata import normalize

from octcluster.images.naming.spellings import fold
from octcluster.images.naming.vocabulary import phrases, words

_LONGEST_FINDING = 6


class Run(NamedTuple):
    """Words beside one another.

    Attributes:
        start: Position of the first.
        end: Position behind the last.
    """

    start: int
    end: int


class _Part(NamedTuple):
    start: int
    end: int
    is_finding: bool
    is_joint: bool


@cache
def meanings() -> dict[str, str]:
    """What each known name of a finding means, by its fold: ``{"healthy": "normal"}``."""
    return {
        spelling: meaning
        for meaning, names in phrases("findings").items()
        for name in names
        for spelling in (fold(name), fold(_without_marks(name)))
    }


def _without_marks(name: str) -> str:
    """As people write without such keys: humeda, oedeme."""
    return "".join(normalize("NFD", letter)[0] for letter in name.replace("œ", "oe"))


def find_class(name_words: Sequence[str]) -> Run | None:
    """Finds the first run of words that names a class: a finding, changed and joined to others.

    Args:
        name_words: The words of a name, folded; numbers are words of their own.

    Examples:
        >>> find_class(["01", "early", "amd", "with", "srf", "od"])
        Run(start=1, end=5)
    """
    parts = list(_cut(name_words))
    first = next((i for i, part in enumerate(parts) if part.is_finding), None)
    if first is None:
        return None
    last = first
    while first > 0 and parts[first - 1].is_joint:
        first -= 1
    while parts[first].is_joint and name_words[parts[first].start] not in ("no", "non", "without"):
        first += 1
    while (after := _next_finding(parts, last + 1)) is not None:
        last = after
    return Run(parts[first].start, parts[last].end)


def _cut(name_words: Sequence[str]) -> Iterator[_Part]:
    """Cuts words into findings, the longest first, numbered degrees (stage 3), and other words."""
    start = 0
    while start < len(name_words):
        word, end = name_words[start], start + 1
        longest = min(len(name_words), start + _LONGEST_FINDING)
        known = [e for e in range(start + 1, longest + 1) if "".join(name_words[start:e]) in meanings()]
        if known:
            end, is_finding = known[-1], True
        elif word in words("numbered") and end < len(name_words) and len(name_words[end]) <= 2:
            end, is_finding = end + 1, True
        else:
            is_finding = word in words("degrees")
        yield _Part(start, end, is_finding, not is_finding and word in words("joints"))
        start = end


def _next_finding(parts: Sequence[_Part], position: int) -> int | None:
    """Position of the next finding if only joints stand before it, as in AMD *with* SRF."""
    while position < len(parts) and parts[position].is_joint:
        position += 1
    return position if position < len(parts) and parts[position].is_finding else None
