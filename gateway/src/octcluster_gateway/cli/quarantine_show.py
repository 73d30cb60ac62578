"""``octcluster-gateway quarantine show NUMBER...``: what is known of objects, with their UIDs."""

import json
from dataclasses import asdict

from octcluster_gateway.command_settings import QuarantineSettings
from octcluster_gateway.spool.opening import open_index


def run(arguments: list[str]) -> int:
    """Prints each object as JSON; returns the exit code."""
    settings = QuarantineSettings.load(arguments)
    index = open_index(settings.spool)
    for number in settings.numbers:
        entry = index.get(number)
        print(json.dumps({**asdict(entry.instance), "file": f"objects/{entry.file}"}, indent=1))
    return 0
