"""``octcluster-gateway status``: how many objects the spool holds, as JSON."""

import json
import time

from octcluster_gateway.command_settings import StatusSettings
from octcluster_gateway.spool.opening import open_index
from octcluster_gateway.spool.outbox import COPIES, REPORTS, count_outgoing


def run(arguments: list[str]) -> int:
    """Prints the state of the spool; returns the exit code."""
    index = open_index(StatusSettings.load(arguments).spool)
    oldest = index.oldest_pending()
    told = {
        "objects": {state.value: count for state, count in index.count_states().items()},
        "reports": count_outgoing(index, REPORTS),
        "copies": count_outgoing(index, COPIES),
        "oldest_pending_seconds": None if oldest is None else round(time.time() - oldest, 1),
    }
    print(json.dumps(told, indent=1))
    return 0
