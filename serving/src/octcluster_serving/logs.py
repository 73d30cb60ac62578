"""The server's log on standard error: lines for people, or JSON objects for machines."""

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from pythonjsonlogger.json import JsonFormatter


def set_up_logs(level: str, log_format: str = "text", silent: Sequence[str] = ()) -> None:
    """Sends everything that this process logs to standard error. To be called before gRPC is imported.

    Args:
        level: Least important kind of event that is logged.
        log_format: ``text``, or ``json``: one object a line with time, level, logger and message, and for
            each call its request_id, method, code, counts and milliseconds as values of their own.
        silent: Libraries that quote in their warnings, and in their log, what a client sent.
    """
    handler = logging.StreamHandler(sys.stderr)
    if log_format == "json":
        fields = ["levelname", "name", "message"]
        renamed = {"levelname": "level", "name": "logger"}
        handler.setFormatter(JsonFormatter(fields, rename_fields=renamed, timestamp="time"))
        # gRPC would log each handshake that fails as text; it reads this when it is imported.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    # No format names a thread, a process or a line of code, and looking them up takes time in each call.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # as Python's own guide to logging has it
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for library in silent:
        logging.getLogger(library).setLevel(logging.WARNING)
        warnings.filterwarnings("ignore", module=library)


def describe_fault(error: BaseException) -> str:
    """An unexpected error as a log may tell it: its kind and where it came from.

    Its message stays out: it may quote what a client sent.
    """
    return f"{type(error).__name__}:\n{''.join(traceback.format_tb(error.__traceback__))}"
