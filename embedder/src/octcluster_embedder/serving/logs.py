"""The server's log on standard error: lines for people, or JSON objects for machines."""

import logging
import sys
import warnings

from pythonjsonlogger.json import JsonFormatter


def set_up_logs(level: str, log_format: str) -> None:
    """Sends everything that this process logs to standard error.

    Args:
        level: Least important kind of event that is logged.
        log_format: ``text``, or ``json``: one object a line with time, level, logger and message, and for
            each call its request_id, method, code, counts, bytes and milliseconds as values of their own.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
        )
        if log_format == "json"
        else logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    )
    logging.basicConfig(level=level.upper(), handlers=[handler])
    # Pillow describes broken images in warnings and, at the level debug, in its log: that is user content.
    logging.getLogger("PIL").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="PIL")
