"""The table of the standard, and what the profile makes of it."""

from collections import Counter

import pytest
from identifying import tag_of
from octcluster_gateway.deidentification.profile import Action, Option, Profile
from octcluster_gateway.deidentification.table import Row, find_row, read_table

_ALL_OPTIONS = Profile(frozenset(Option))


def test_table_has_all_rows() -> None:
    rows = read_table()
    assert len(rows) == len({row.tag for row in rows}) == 621
    assert Counter(row.basic for row in rows) == {
        "X": 384,
        "D": 92,
        "U": 54,
        "Z": 42,
        "X/D": 22,
        "X/Z": 11,
        "X/Z/D": 8,
        "Z/D": 6,
        "X/Z/U*": 2,
    }


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (0x00100010, "Patient's Name"),
        (0x0020000D, "Study Instance UID"),
        (0x50061234, "Curve Data"),
        (0x60FE3000, "Overlay Data"),
        (0x60004000, "Overlay Comments"),
        (0x00091001, "Private Attributes"),
        (0x60013000, "Private Attributes"),
        (0x00280010, None),
        (0x60000010, None),
        (0x7FE00010, None),
    ],
)
def test_attribute_is_found_by_its_tag(tag: int, name: str | None) -> None:
    row = find_row(tag)
    assert (row and row.name) == name


@pytest.mark.parametrize("row", read_table(), ids=lambda row: row.tag)
def test_every_row_has_an_action_of_its_cell(row: Row) -> None:
    action = Profile().find_action(tag_of(row))
    assert action.value in row.basic.replace("*", "").split("/")
    assert action not in (Action.KEEP, Action.SHIFT)


@pytest.mark.parametrize(
    ("tag", "basic", "with_options"),
    [
        (0x00100010, Action.EMPTY, Action.EMPTY),  # Patient's Name
        (0x00100020, Action.REPLACE, Action.REPLACE),  # Patient ID
        (0x00100040, Action.EMPTY, Action.KEEP),  # Patient's Sex: patient characteristics
        (0x00102110, Action.REMOVE, Action.REMOVE),  # Allergies: C of patient characteristics, not cleaned
        (0x00181000, Action.REPLACE, Action.KEEP),  # Device Serial Number: device identity
        (0x00080055, Action.REMOVE, Action.REMOVE),  # Station AE Title: C of device identity, not cleaned
        (0x00080020, Action.EMPTY, Action.SHIFT),  # Study Date
        (0x0008002A, Action.REPLACE, Action.SHIFT),  # Acquisition DateTime
        (0x00080080, Action.REPLACE, Action.REPLACE),  # Institution Name
        (0x0020000D, Action.REPLACE_UIDS, Action.REPLACE_UIDS),  # Study Instance UID
        (0x00200200, Action.REPLACE_UIDS, Action.REPLACE_UIDS),  # Synchronization Frame of Reference UID
        (0x00280010, Action.KEEP, Action.KEEP),  # Rows
    ],
)
def test_options_change_what_their_columns_say(tag: int, basic: Action, with_options: Action) -> None:
    assert Profile().find_action(tag) is basic
    assert _ALL_OPTIONS.find_action(tag) is with_options


def test_codes_name_the_profile_and_its_options() -> None:
    assert [code.value for code in Profile().codes] == ["113100"]
    assert [code.value for code in _ALL_OPTIONS.codes] == ["113100", "113107", "113109", "113108"]
    assert Profile.with_options(["shifted-dates", "device-identity"]).codes[1].value == "113107"
    with pytest.raises(KeyError):
        Profile.with_options(["retain-everything"])
