"""Starts the gateway: ``octcluster-gateway COMMAND`` or ``python -m octcluster_gateway COMMAND``."""

import os
import sys

from octcluster_gateway.cli.main import run_command


def main() -> int:
    """Runs the command that the arguments name; returns the exit code."""
    # Nothing that a command writes is for other users, unless they are given it.
    os.umask(0o077)
    try:
        try:
            return run_command(sys.argv[1:])
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Who reads has enough, as "head" does. Python would try to write the rest once more, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
