"""``octcluster-gateway quarantine retry [NUMBER]...``: without NUMBER, it retries all objects."""

from octcluster_gateway.command_settings import RetrySettings
from octcluster_gateway.spool.opening import open_index


def run(arguments: list[str]) -> int:
    """Has objects processed once more; returns the exit code."""
    settings = RetrySettings.load(arguments)
    number = open_index(settings.spool).retry(settings.numbers or None)
    print(f"{number} object{'' if number == 1 else 's'} will be processed once more")
    return 0
