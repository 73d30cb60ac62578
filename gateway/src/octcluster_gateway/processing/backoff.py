"""How long to wait before the next attempt."""

_FIRST_SECONDS = 2.0
_LONGEST_SECONDS = 900.0


def wait_seconds(attempts: int) -> float:
    """Seconds until the next attempt, after so many: twice as long each time, 15 minutes at most."""
    return min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(attempts - 1, 20))
