"""Tells data elements by their bytes, where a file does not say what it is."""

import struct

_LONG_VALUE_REPRESENTATIONS = (b"OB", b"OD", b"OF", b"OW", b"SQ", b"UN", b"UT")
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
        if len(head) < position + 8:
            return False
        group, element = struct.unpack_from(f"{order}HH", head, position)
        tag = group << 16 | element
        if group not in (2, 8) or element > 0x2000 or (before and tag <= before):
            return False
        if explicit:
            vr = head[position + 4 : position + 6]
            if not (vr.isalpha() and vr.isupper()) or vr in _LONG_VALUE_REPRESENTATIONS:
                return False
            (length,) = struct.unpack_from(f"{order}H", head, position + 6)
        else:
            (length,) = struct.unpack_from(f"{order}I", head, position + 4)
        if length > _MAX_FIRST_BYTES or length % 2:
            return False
        position, before = position + 8 + length, tag
    return True
