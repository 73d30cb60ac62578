"""Table E.1-1 of PS3.15: what a confidentiality profile does with each attribute, as the standard lists it.

The rows come from ``standard/confidentiality_profile_attributes.json``, made from the standard's text by the
project innolitics/dicom-standard (MIT, see ``standard/LICENSE-innolitics``; snapshot of January 2025).
"""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

_FILE = "standard/confidentiality_profile_attributes.json"
_PRIVATE = "(GGGG,EEEE) WHERE GGGG IS ODD"
_DESCRIPTION_FIELDS = {"id", "name", "tag", "stdCompIOD", "basicProfile"}


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        tag: The tag as the table writes it, for example ``(0010,0010)`` or ``(60XX,3000)``.
        name: The attribute's name.
        basic: What the basic profile does: ``X``, ``Z``, ``D``, ``U``, or several with a slash between them.
        options: What options do instead, ``K`` or ``C``, by the table's name of the option.
    """

    tag: str
    name: str
    basic: str
    options: Mapping[str, str]


@functools.cache
def read_table() -> tuple[Row, ...]:
    """All rows, in the table's order."""
    text = files(__package__).joinpath(_FILE).read_text(encoding="utf-8")
    return tuple(
        Row(
            tag=fields["tag"].upper(),
            name=" ".join(fields["name"].split()),
            basic=fields["basicProfile"],
            options={key: value for key, value in fields.items() if key not in _DESCRIPTION_FIELDS},
        )
        for fields in json.loads(text)
    )


def find_row(tag: int) -> Row | None:
    """The row of an attribute; None: the table does not name it, so that the profile keeps it.

    Args:
        tag: Group and element, for example 0x00100010.
    """
    exact, repeating, private = _index()
    if tag >> 16 & 1:
        return private
    row = exact.get(tag)
    if row is not None:
        return row
    text = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    return next((row for pattern, row in repeating if pattern.fullmatch(text)), None)


@functools.cache
def _index() -> tuple[dict[int, Row], list[tuple[re.Pattern[str], Row]], Row]:
    exact, repeating, private = {}, [], None
    for row in read_table():
        if row.tag == _PRIVATE:
            private = row
        elif "X" in row.tag:
            repeating.append((re.compile(re.escape(row.tag).replace("X", "[0-9A-F]")), row))
        else:
            exact[int(row.tag[1:5] + row.tag[6:10], 16)] = row
    assert private is not None, "the table says nothing of private attributes"  # noqa: S101
    return exact, repeating, private
