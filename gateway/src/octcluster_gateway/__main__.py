"""Starts the gateway: ``octcluster-gateway COMMAND`` or ``python -m octcluster_gateway COMMAND``."""

import sys

from octcluster_gateway.cli.main import run_command


def main() -> int:
    """Runs the command that the arguments name; returns the exit code."""
    return run_command(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
