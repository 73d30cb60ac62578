"""Dates of DICOM, shifted by whole days."""

import re
from datetime import date, timedelta

_DATE = re.compile(r"(\d{4})[.]?(\d{2})[.]?(\d{2})")


def shift_date(text: str, days: int) -> str | None:
    """Shifts a date (DA) or the date of a date and time (DT); the time of day does not come along.

    Args:
        text: The value as it stands in the file.
        days: By how many days; negative: into the past.

    Returns:
        The shifted date, ``YYYYMMDD``; None where the text holds no whole date that can be shifted.
    """
    found = _DATE.match(text.strip())
    if found is None:
        return None
    try:
        shifted = date(*map(int, found.groups())) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return f"{shifted:%Y%m%d}".zfill(8)
