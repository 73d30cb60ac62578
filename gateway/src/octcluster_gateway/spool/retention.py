"""How long the spool keeps the files of objects that were processed."""

import time
from collections.abc import Callable, Sequence

from octcluster_gateway.spool.entries import Entry
from octcluster_gateway.spool.spool import Spool

SECONDS_PER_DAY = 86_400


def remove_processed(
    spool: Spool, keep_days: float, account: Callable[[Sequence[Entry]], None] = lambda _: None
) -> int:
    """Removes the files of objects that were processed so many days ago.

    Objects that wait, and those of the quarantine, keep their files.

    Args:
        spool: The spool.
        keep_days: Age, in days; 0: all that were processed.
        account: Is told the objects before their files are removed.

    Returns:
        The number of files that were removed.
    """
    removable = spool.index.list_removable(time.time() - keep_days * SECONDS_PER_DAY)
    if removable:
        account(removable)
    for entry in removable:
        spool.remove_file(entry)
    return len(removable)
