"""``octcluster-gateway quarantine show NUMBER...``: what is known of objects, with their UIDs."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

from octcluster_gateway.command_settings import ShowSettings
from octcluster_gateway.spool.opening import open_index


def run(arguments: list[str]) -> int:
    """Prints each object as JSON; returns the exit code."""
    settings = ShowSettings.load(arguments)
    index = open_index(settings.spool)
    for number in settings.numbers:
        entry = index.get(number)
        received = datetime.fromtimestamp(entry.instance.received, UTC).isoformat(timespec="seconds")
        told = {**asdict(entry.instance), "received": received, "file": f"objects/{entry.file}"}
        print(json.dumps(told, indent=1))
    return 0
