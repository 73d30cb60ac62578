"""The command ``octcluster``: parses, has the command done, and turns errors into exit codes."""

import os
import sys
import traceback
from collections.abc import Sequence

from octcluster.cli.commands import execute
from octcluster.cli.exit_codes import ExitCode
from octcluster.cli.interruption import no_interrupt_lost
from octcluster.cli.parser import parse_command
from octcluster.images.readers.processes import kept_workers
from octcluster.model.errors import AddressInvalid, InvalidArguments, InvalidImageSet, OctclusterError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: Arguments of the command; None: those of this process.

    Returns:
        Exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    Raises:
        SystemExit: The arguments cannot be parsed (code 2), or ask for help or the version (code 0).
    """
    command = parse_command(arguments)
    debug = command.debug or os.environ.get("OCTCLUSTER_DEBUG") == "1"
    try:
        with no_interrupt_lost(), kept_workers():
            return execute(command)
    except KeyboardInterrupt:
        return _fail("interrupted", ExitCode.INTERRUPTED, debug)
    except (InvalidArguments, InvalidImageSet, AddressInvalid) as error:
        return _fail(str(error), ExitCode.USAGE, debug)
    except OctclusterError as error:
        return _fail(str(error), ExitCode.FAILED, debug)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return _fail(f"{error.strerror or error}{where}", ExitCode.FAILED, debug)
    except Exception as error:
        text = (
            f"a fault in octcluster: {type(error).__name__}: {error}; --debug shows where, please report it"
        )
        return _fail(text, ExitCode.FAILED, debug)


def _fail(message: str, code: ExitCode, debug: bool) -> ExitCode:
    if debug:
        traceback.print_exc()
    print(f"octcluster: {message}", file=sys.stderr)
    return code
