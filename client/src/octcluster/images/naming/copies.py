"""Marks that programs put into the names of copies: ``CNV-1-1 (1)``, ``Copy of CNV-1-1``."""

import re

from octcluster.images.naming.spellings import clean

_COPY = "(?:cop(?:y|ia|ie)|c\N{LATIN SMALL LETTER O WITH ACUTE}pia|kopie|kopia|kopi|копия|コピー|副本)"
_DASH = "[-\N{EN DASH}\N{EM DASH}]"
_BEGINNING = re.compile(rf"{_COPY}(?: ?\(\d+\)| \d+)? (?:of|von|van|de|di|da|af|av) ", re.IGNORECASE)
_ENDINGS = (
    r"[ _]*\(\d+\)",  # browsers, Windows
    r"[ _]*\[\d+\]",
    r"~\d",
    rf"[ _]?{_DASH}[ _]?{_COPY}(?: ?\d+| ?\(\d+\))?",
    rf"[ _]{_COPY}(?: ?\d+)?",  # macOS
    rf" \((?:another |\d+[a-z]{{2}} )?{_COPY}(?: \d+)?\)",  # Linux
    r" \([^()]*\b(?:conflicted copy|conflit|Konflikt)[^()]*\)",  # Dropbox, Nextcloud
    r"\.sync-conflict-\d{8}-\d{6}(?:-\w+)?",  # Syncthing
    r"(?<=-\d)[ _]\d",  # macOS: CNV-1-1 2; download managers: CNV-1-1_1
    r"(?<=-\d\d)[ _]\d",
    r"(?<=-\d\d\d)[ _]\d",
    r"\.(?:jpe?g|png|tiff?|bmp|webp)",  # CNV-1-1.jpeg (1).jpeg
)
_ENDING = re.compile(f"(?:{'|'.join(_ENDINGS)})$", re.IGNORECASE)


def strip_copy_marks(stem: str) -> str:
    """The name that the original had.

    Args:
        stem: A file's name without its ending.

    Examples:
        >>> [strip_copy_marks(stem) for stem in ("CNV-1-1 (1)", "Copy (2) of CNV-1-1", "CNV-11-1_1")]
        ['CNV-1-1', 'CNV-1-1', 'CNV-11-1']
    """
    text = _BEGINNING.sub("", clean(stem))
    while (shorter := _ENDING.sub("", text)) != text:
        text = shorter
    return text
