"""The command ``octcluster``: parses, has the command done, and turns errors into exit codes."""

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.abc import MetaPathFinder

from octcluster.cli.exit_codes import ExitCode
from octcluster.cli.interruption import no_interrupt_lost
from octcluster.cli.kept_imports import kept_imports
from octcluster.model.errors import AddressInvalid, InvalidArguments, InvalidImageSet, OctclusterError

_MORE_SPACE = "free space on that disk, or name another folder, and start again"
_CURES = {
    errno.ENOSPC: _MORE_SPACE,
    errno.EDQUOT: _MORE_SPACE,
    errno.EROFS: "name a folder that can be written to, and start again",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: Arguments of the command; None: those of this process.

    Returns:
        Exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    Raises:
        SystemExit: The arguments cannot be parsed (code 2), or ask for help or the version (code 0).
    """
    if arguments is None:
        sys.meta_path.insert(0, _WithoutPandas())
    with kept_imports() if arguments is None else nullcontext():
        from octcluster.cli.commands import execute  # noqa: PLC0415
        from octcluster.cli.parser import parse_command  # noqa: PLC0415
        from octcluster.images.readers.processes import kept_workers  # noqa: PLC0415
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
        return _fail(_explain(error), ExitCode.FAILED, debug)
    except Exception as error:
        text = (
            f"a fault in octcluster: {type(error).__name__}: {error}; --debug shows where, please report it"
        )
        return _fail(text, ExitCode.FAILED, debug)


class _WithoutPandas(MetaPathFinder):
    """Has pyarrow do without pandas in this process, which is the command's own.

    It imports pandas where that is installed, for conversions that no command needs. That takes 0.4 s.
    """

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Knows of no module, and lets nobody else know of pandas."""
        if fullname == "pandas":
            raise ModuleNotFoundError("left out: no command needs it", name=fullname)


def _explain(error: OSError) -> str:
    """What the system refused, where, and the cure; what writes a file names it, a stream has no name."""
    if error.errno is None:
        return str(error)
    cure = _CURES.get(error.errno)
    where = error.filename or "standard output or standard error"
    return f"{error.strerror} ({where})" + (f": {cure}" if cure else "")


def _fail(message: str, code: ExitCode, debug: bool) -> ExitCode:
    if debug:
        traceback.print_exc()
    print(f"octcluster: {message}", file=sys.stderr)
    return code
