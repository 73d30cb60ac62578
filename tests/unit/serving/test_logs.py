"""The log of a server process, in both forms, and what of an unexpected error it tells."""

import json
import subprocess
import sys

import pytest
from octcluster_serving.logs import describe_fault

PROGRAM = """
import logging, sys, warnings
from octcluster_serving.logs import set_up_logs
set_up_logs("debug", sys.argv[1], silent=["json"])
logging.getLogger("trial").warning("it %s", "works", extra={"items": 3})
logging.getLogger("json").debug("Doe^Jane")
warnings.warn_explicit("Doe^Jane", UserWarning, "json/decoder.py", 1, module="json.decoder")
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_log_goes_to_standard_error_without_what_libraries_quote(log_format: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, log_format], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    if log_format == "text":
        assert line.endswith(" WARNING it works")
    else:
        told = json.loads(line)
        assert told.pop("time")
        assert told == {"level": "WARNING", "logger": "trial", "message": "it works", "items": 3}


def test_a_fault_is_told_by_its_kind_and_place_and_not_by_its_message() -> None:
    def fail() -> None:
        raise KeyError("Doe" + "^Jane")

    try:
        fail()
    except KeyError as error:
        told = describe_fault(error)
    assert told.startswith("KeyError:\n")
    assert "in fail\n" in told
    assert "Doe^Jane" not in told
