"""What each stage of a run costs: time, and memory of this process."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from octcluster_clusterer.model import Stage

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
"""What makes Linux forget the highest resident memory so far; see proc(5)."""


class StageCosts:
    """Costs by stage; a stage that runs several times adds up its time and keeps its highest memory.

    Attributes:
        seconds: Wall-clock time.
        peak_bytes: Highest resident memory of the process; empty where the system does not tell (not Linux).
    """

    def __init__(self) -> None:
        self.seconds: dict[Stage, float] = {}
        self.peak_bytes: dict[Stage, int] = {}

    @contextlib.contextmanager
    def measured(self, stage: Stage) -> Iterator[None]:
        """Adds the costs of the block to a stage."""
        start = time.monotonic()
        knows_peak = _forget_peak()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - start
        if knows_peak:
            self.peak_bytes[stage] = max(self.peak_bytes.get(stage, 0), _read_peak_bytes())


def _forget_peak() -> bool:
    """Begins to watch for the highest memory; False where that is impossible."""
    try:
        _CLEAR_REFS.write_text(_RESET_PEAK)
        return _read_peak_bytes() > 0
    except OSError:
        return False


def _read_peak_bytes() -> int:
    for line in _STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return 1024 * int(value.split()[0])
    return 0
