"""Days in names."""

import pytest
from octcluster.images.naming.dates import is_date, looks_like_day


@pytest.mark.parametrize(
    "name",
    [
        *("2024-01-03", "2024_1_3", "2024.12.31", "03.01.2024", "12/31/2024", "31-12-2024", "2024-01"),
        *("Jan 2024", "3 March 2024", "2024-01-03_101010", "2024-01-03T10-10-10", "2024-01-03 10.10"),
    ],
)
def test_days(name: str) -> None:
    assert is_date(name)


@pytest.mark.parametrize(
    "name", ["1016042-1", "2024-13-45", "12-11-1", "OCT2017", "2024-01-03-CNV", "99.99.2024", "1-2"]
)
def test_no_days(name: str) -> None:
    assert not is_date(name)


def test_digits_that_may_be_days() -> None:
    assert looks_like_day("20240103")
    assert looks_like_day("20240103101010")
    assert looks_like_day("2019")
    assert not any(map(looks_like_day, ["20241303", "10301", "1016042", "99990103", "0042"]))
