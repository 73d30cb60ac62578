"""Tells data elements by their bytes, where a file does not say what it is."""

import struct

_LONG_VALUES = (b"OB", b"SQ", b"UN", b"UT")
_SHORT_VALUES = (b"CS", b"DA", b"DT", b"LO", b"LT", b"PN", b"SH", b"ST", b"TM", b"UI", b"UL", b"US")
_FIRST_GROUPS = (2, 8)
_MAX_FIRST_ELEMENT = 0x2000
_MAX_FIRST_BYTES = 1024


def guess_syntax(head: bytes) -> str | None:
    """The transfer syntax of a file that has only its data elements; None: it does not begin with any.

    Two plausible elements in a row are asked for: a raw volume hardly ever begins like that.
    """
    for order, syntax in (("<", "1.2.840.10008.1.2.1"), (">", "1.2.840.10008.1.2.2")):
        if _begins_with_elements(head, order, explicit=True):
            return syntax
    return "1.2.840.10008.1.2" if _begins_with_elements(head, "<", explicit=False) else None


def _begins_with_elements(head: bytes, order: str, *, explicit: bool) -> bool:
    position, before = 0, 0
    for _ in range(2):
        if len(head) < position + 12:
            return False
        group, element = struct.unpack_from(f"{order}HH", head, position)
        tag = group << 16 | element
        vr = head[position + 4 : position + 6]
        form, at, begin = "I", 4, 8
        if explicit:
            form, at, begin = ("I", 8, 12) if vr in _LONG_VALUES else ("H", 6, 8)
        (length,) = struct.unpack_from(f"{order}{form}", head, position + at)
        if (
            group not in _FIRST_GROUPS
            or element > _MAX_FIRST_ELEMENT
            or (before and tag <= before)
            or (explicit and vr not in _LONG_VALUES + _SHORT_VALUES)
            or length > _MAX_FIRST_BYTES
            or length % 2
        ):
            return False
        position, before = position + begin + length, tag
    return True
