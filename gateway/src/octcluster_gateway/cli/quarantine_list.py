"""``octcluster-gateway quarantine list``."""

from octcluster_gateway.command_settings import ListSettings
from octcluster_gateway.model import State
from octcluster_gateway.spool.opening import open_index


def run(arguments: list[str]) -> int:
    """Prints number and reason of each object of the quarantine; returns the exit code."""
    index = open_index(ListSettings.load(arguments).spool)
    for entry in index.list_state(State.QUARANTINED):
        print(f"{entry.instance.spool_id}\t{entry.instance.reason}")
    return 0
