"""Spellings: which names mean the same, which nearly do, and which mean that nothing is known."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from functools import cache, lru_cache
from itertools import combinations
from typing import NamedTuple

from octcluster.images.naming.vocabulary import phrases, words

_DASHES = re.compile("[\N{HYPHEN}-\N{HORIZONTAL BAR}\N{MINUS SIGN}]")
_SEPARATORS = re.compile(r"[\s._,:;'\"`/\\()\[\]{}#?-]+")
_BETWEEN_DIGITS = re.compile(rf"(?<=\d){_SEPARATORS.pattern}(?=\d)")
_LEAST_COMPARED = 3
_LONG = 8
_ALIKE = 0.88
_MOST_NAMES = 300


class Spellings(NamedTuple):
    """Names of which some mean the same.

    Attributes:
        chosen: The name to use by the name as it was written; the most frequent spelling.
        merged: The other spellings by the name to use; only where there are any.
        near_misses: Pairs of names to use that hardly differ, and that may mean the same.
    """

    chosen: Mapping[str, str]
    merged: Mapping[str, list[str]]
    near_misses: list[tuple[str, str]]


@lru_cache(maxsize=10_000)
def clean(name: str) -> str:
    """The name in composed Unicode, with single plain spaces and none at its ends."""
    if not name.isascii():
        # Marks that nobody sees: soft hyphens, zero-width spaces, byte order marks.
        name = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFC", name).split())


@lru_cache(maxsize=10_000)
def fold(name: str) -> str:
    """What all spellings of a name have in common: case, width and separators do not count.

    A minus at the end, and what stands between two digits, stay: ``DME-`` is the contrary of ``DME+``, and
    1.1 is not 11.

    Examples:
        >>> fold("C.N.V"), fold(" Wet_AMD "), fold("DME-"), fold("grade 1-2")
        ('cnv', 'wetamd', 'dme-', 'grade1.2')
    """
    text = _DASHES.sub("-", unicodedata.normalize("NFKC", clean(name))).casefold()
    ending = "-" if len(text) > 1 and text.endswith("-") and text[-2].isalnum() else ""
    return _SEPARATORS.sub("", _BETWEEN_DIGITS.sub("\0", text)).replace("\0", ".") + ending


@lru_cache(maxsize=10_000)
def is_missing(value: str) -> bool:
    """Whether a value says that nothing is known: ``NA``, ``N/A``, ``-``, ``?``, ``none``, an empty one."""
    return fold(value) in _missing()


@cache
def _missing() -> frozenset[str]:
    return frozenset(("", *map(fold, phrases("values")["missing"])))


def merge_spellings(names: Iterable[str], distinct: Mapping[str, str]) -> Spellings:
    """Finds names that are spellings of one another.

    Args:
        names: One for each image, as written.
        distinct: Meaning of known names, by their fold; two known names are no near miss of each other.

    Returns:
        What to call them.
    """
    counts: Counter[str] = Counter(names)
    by_fold: dict[str, list[str]] = {}
    for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        by_fold.setdefault(fold(name), []).append(name)
    titles = {key: clean(written[0]) for key, written in by_fold.items()}
    chosen = {name: titles[key] for key, written in by_fold.items() for name in written}
    merged = {titles[key]: written[1:] for key, written in by_fold.items() if len(written) > 1}
    near = []
    if len(by_fold) <= _MOST_NAMES:
        for one, other in combinations(by_fold, 2):
            if not (one in distinct and other in distinct) and are_near(one, other):
                near.append((titles[one], titles[other]))
    return Spellings(chosen, merged, near)


def are_near(one: str, other: str) -> bool:
    """Whether two folded names differ as by a slip: one letter more, fewer, other, or two exchanged.

    Names that differ in a digit, a sign or their last letter do not, nor do stages (``stageI``, ``stageII``).
    """
    if min(len(one), len(other)) < _LEAST_COMPARED or one == other:
        return False
    if one in (f"non{other}", f"un{other}") or other in (f"non{one}", f"un{one}"):
        return False
    if [c for c in one if not c.isalpha()] != [c for c in other if not c.isalpha()]:
        return False
    if all(name.startswith(tuple(words("numbered"))) for name in (one, other)):
        return False
    if min(len(one), len(other)) >= _LONG:
        return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE
    start = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    rest, rest_of_other = one[start:], other[start:]
    return (
        rest[1:] == rest_of_other
        or rest == rest_of_other[1:]
        or (rest[1:] == rest_of_other[1:] != "")
        or (rest[:2] == rest_of_other[1::-1] and rest[2:] == rest_of_other[2:])
    )
