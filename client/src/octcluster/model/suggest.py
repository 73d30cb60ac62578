"""What a mistyped word may have been meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(word: str, choices: Iterable[str]) -> str:
    """``; did you mean X?`` with the choice that is like the word, or nothing."""
    found = get_close_matches(word, list(choices), n=1)
    return f"; did you mean {found[0]}?" if found else ""
