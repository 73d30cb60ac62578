"""Starts the clusterer: ``octcluster-clusterer`` or ``python -m octcluster_clusterer``."""

import asyncio
import logging
import sys

from octcluster_clusterer.memory import return_freed_memory
from octcluster_clusterer.settings import load_settings

# The heavy libraries are imported only when the server is to start: a bad setting is told at once, and a
# health check every few seconds costs little.
# ruff: noqa: PLC0415


def main() -> int:
    """Runs the server until it is asked to stop, or asks one for its health; returns the exit code."""
    settings = load_settings()
    if settings.check_health:
        from octcluster_clusterer.serving.health import ask_health

        fault = ask_health(settings.listen)
        print(fault or "serving", file=sys.stderr if fault else sys.stdout)
        return 1 if fault else 0

    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    return_freed_memory()
    from octcluster_clusterer.serving.server import CannotListen, serve

    try:
        asyncio.run(serve(settings))
    except CannotListen as error:
        print(f"--listen: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
