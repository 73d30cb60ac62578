"""Three minutes of chaos: see chaos.py, which takes half an hour and more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

SECONDS_TO_START_AND_END = 1200


@pytest.mark.timeout(SECONDS_TO_START_AND_END + 300)
def test_three_minutes_break_no_promise(model_cache: Path) -> None:
    program = Path(__file__).with_name("chaos.py")
    # Today's seed, so that tests see ever new faults, would make a change fail for what it did not do.
    # Pauses are longer than usual: as many faults for 20 s less of processor time.
    command = [sys.executable, str(program), "--minutes", "3", "--pause", "3", "--seed", "14"]
    command += ["--models", str(model_cache)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.stdout, ended.stderr
    told = json.loads(ended.stdout)
    assert not told["broken"], "\n".join([*told["broken"], ended.stderr])
    assert ended.returncode == 0
    assert sum(told["faults"].values()) > 20
    assert sum(count for name, count in told["jobs"].items() if name.endswith(": right")) > 20
