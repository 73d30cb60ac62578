"""Days in names, which are neither classes nor patients."""

import re
from functools import lru_cache

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEAR = r"(?:19|20)\d\d"
_DAY_FIRST = re.compile(rf"(?P<day>[0-3]?\d)[-._ /](?P<month>[0-3]?\d)[-._ /]{_YEAR}(?!\d)")
_YEAR_FIRST = re.compile(rf"{_YEAR}[-._ ](?P<month>[01]?\d)(?:[-._ ](?P<day>[0-3]?\d))?(?!\d)")
_COMPACT = re.compile(rf"{_YEAR}(?P<month>[01]\d)(?P<day>[0-3]\d)")
_NAMED = re.compile(
    rf"(?:[0-3]?\d[-._ ]?)?(?!oct\d)(?:{'|'.join(_MONTHS)})[a-z]*[-._ ]?{_YEAR}", re.IGNORECASE
)
_TIME = re.compile(r"[T_ -]+\d{1,2}[-._:h]?\d\d(?:[-._:m]?\d\d(?:\.\d+)?)?s?Z?")


@lru_cache(maxsize=100_000)
def is_date(name: str) -> bool:
    """Whether a name is a day, a month or a year, with or without a time.

    Eight digits may as well be an id; whether they are days, their neighbours tell: see ``looks_like_day``.

    Examples:
        >>> [is_date(name) for name in ("2024-01-03", "03.01.2024 10:30", "Jan 2024", "1016042")]
        [True, True, True, False]
    """
    for pattern in (_YEAR_FIRST, _DAY_FIRST, _NAMED):
        match = pattern.match(name)
        if match and _is_valid(match) and (match.end() == len(name) or _TIME.fullmatch(name, match.end())):
            return True
    return False


def looks_like_day(number: str) -> bool:
    """Whether digits are a day such as 20240103 or a year such as 2024; ids may look like that by chance."""
    match = _COMPACT.match(number)
    if match and _is_valid(match) and len(number) in (8, 12, 14):
        return True
    return len(number) == 4 and "1990" <= number <= "2039"


def _is_valid(match: re.Match[str]) -> bool:
    parts = match.groupdict()
    month, day = int(parts.get("month") or 1), int(parts.get("day") or 1)
    if match.re is _DAY_FIRST and month > 12:  # 12/31/2024
        month, day = day, month
    return 1 <= month <= 12 and 1 <= day <= 31
