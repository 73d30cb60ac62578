"""UIDs as DICOM defines them (PS3.5 section 9)."""

import re

_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_MOST_CHARACTERS = 64


def is_uid(text: str) -> bool:
    """Whether a text is a UID: numbers with dots between, 64 characters at most."""
    return len(text) <= _MOST_CHARACTERS and _UID.fullmatch(text) is not None
