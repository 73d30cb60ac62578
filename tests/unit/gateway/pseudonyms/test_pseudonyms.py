"""Pseudonyms: the same for the same, and nothing to be guessed without the secret."""

import re
from datetime import date

import pytest
from octcluster_gateway.errors import UnusableSecret
from octcluster_gateway.pseudonyms.dates import shift_date
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from pydicom.uid import UID

_PSEUDONYMS = Pseudonyms(b"s" * 32)
_UID = "1.2.826.0.1.3680043.10.511.12.4"


def test_released_pseudonyms_never_change() -> None:
    assert _PSEUDONYMS.patient("P-0012") == "0872635297e224367bc267c3b3f96dff"
    assert _PSEUDONYMS.uid(_UID) == "2.25.242848842199210922631829911835289007880"
    assert _PSEUDONYMS.shift_days("P-0012") == -3495


def test_padding_of_dicom_does_not_count() -> None:
    assert _PSEUDONYMS.patient(" P-0012 ") == _PSEUDONYMS.patient("P-0012")
    assert _PSEUDONYMS.uid(f"{_UID}\0") == _PSEUDONYMS.uid(_UID)


def test_sites_have_other_pseudonyms() -> None:
    other = Pseudonyms(b"t" * 32)
    assert other.patient("P-0012") != _PSEUDONYMS.patient("P-0012")
    assert other.uid(_UID) != _PSEUDONYMS.uid(_UID)
    assert other.shift_days("P-0012") != _PSEUDONYMS.shift_days("P-0012")


def test_kinds_have_domains_of_their_own() -> None:
    number = int(_PSEUDONYMS.uid("1.2").removeprefix("2.25."))
    assert f"{number:032x}" != _PSEUDONYMS.patient("1.2")


def test_references_lead_to_the_same_uid() -> None:
    assert {_PSEUDONYMS.study(_UID), _PSEUDONYMS.series(_UID), _PSEUDONYMS.instance(_UID)} == {
        _PSEUDONYMS.uid(_UID)
    }


def test_uids_are_valid_and_differ() -> None:
    uids = {_PSEUDONYMS.uid(f"1.2.{number}") for number in range(2000)}
    assert len(uids) == 2000
    assert all(UID(uid).is_valid and re.fullmatch(r"2\.25\.(0|[1-9]\d*)", uid) for uid in uids)


def test_dates_of_a_patient_are_shifted_alike_and_into_the_past() -> None:
    shifts = [_PSEUDONYMS.shift_days(f"P-{number}") for number in range(2000)]
    assert -3650 <= min(shifts) < -3500
    assert -100 < max(shifts) <= -1
    assert len(set(shifts)) > 1400


@pytest.mark.parametrize("length", [0, 31])
def test_short_secret_is_refused(length: int) -> None:
    with pytest.raises(UnusableSecret, match=rf"has {length} bytes and needs at least 32.*openssl rand"):
        Pseudonyms(b"s" * length)


@pytest.mark.parametrize(
    ("text", "days", "shifted"),
    [
        ("20240301", -1, "20240229"),
        ("20240301 ", 0, "20240301"),
        ("2024.03.01", -1, "20240229"),
        ("20240301101500.123456+0100", -60, "20240101"),
        ("00020101", -1, "00011231"),
        ("00010101", -1, None),
        ("202403", -1, None),
        ("2024", -1, None),
        ("20240231", -1, None),
        ("", -1, None),
        ("tomorrow", -1, None),
    ],
)
def test_dates_are_shifted_by_whole_days(text: str, days: int, shifted: str | None) -> None:
    assert shift_date(text, days) == shifted


def test_distance_between_dates_stays() -> None:
    first, second = shift_date("20231230", -1234), shift_date("20240302", -1234)
    assert first is not None
    assert second is not None
    assert date.fromisoformat(second) - date.fromisoformat(first) == date(2024, 3, 2) - date(2023, 12, 30)
