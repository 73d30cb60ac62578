"""Starts the gateway: ``octcluster-gateway COMMAND`` or ``python -m octcluster_gateway COMMAND``."""

import os
import sys

from octcluster_gateway.cli.main import run_command


def main() -> int:
    """Runs the command that the arguments name; returns the exit code."""
    # Nothing that a command writes is for other users, unless they are given it.
    os.umask(0o077)
    return run_command(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
