"""How much of an audit log was sent to a collector: a file beside it (``audit.jsonl.sent``).

It holds a number of bytes, and which file of the disk they are of: a log that was moved away is another one.
"""

from pathlib import Path


def note_sent(log: Path, count: int, number: int) -> None:
    """Notes how much was sent.

    Args:
        log: The log.
        count: Number of bytes.
        number: Number of its file on the disk.
    """
    state = _name_state(log)
    new = state.with_name(f"{state.name}.new")
    new.write_text(f"{count} {number}", "ascii")
    new.replace(state)


def read_sent(log: Path) -> int | None:
    """How many bytes of a log were sent; None: nothing ever was, of this one or one before."""
    try:
        count, *number = map(int, _name_state(log).read_text("ascii").split())
    except (FileNotFoundError, ValueError):
        return None
    return 0 if number and number[0] != log.stat().st_ino else count


def has_unsent(log: Path) -> bool:
    """Whether lines of a log wait for a collector."""
    sent = read_sent(log)
    return sent is not None and sent < log.stat().st_size


def _name_state(log: Path) -> Path:
    return log.with_name(f"{log.name}.sent")
