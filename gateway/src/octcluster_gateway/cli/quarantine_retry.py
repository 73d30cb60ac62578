"""``octcluster-gateway quarantine retry [NUMBER]...``: without NUMBER, it retries all objects."""

from octcluster_gateway.command_settings import QuarantineSettings
from octcluster_gateway.spool.opening import open_index


def run(arguments: list[str]) -> int:
    """Has objects processed once more; returns the exit code."""
    settings = QuarantineSettings.load(arguments)
    number = open_index(settings.spool).retry(settings.numbers or None)
    print(f"{number} object{'' if number == 1 else 's'} will be processed once more")
    return 0
