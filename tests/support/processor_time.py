"""``pytest --cpu N``: the N files that cost most processor time, with the processes that they start."""

import resource
import time
from collections import defaultdict
from typing import Any

import pytest

_COLLECTING = "imports and collection"


def _spent() -> float:
    """Processor seconds of this process, and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Meter:
    """Measures in the process that runs tests, and adds up in the one that reports them."""

    def __init__(self, lines: int) -> None:
        self._lines = lines
        self._before = 0.0
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._before = _spent()
        worker: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if worker is not None:
            worker["cpu"] = self._before
        else:
            self._seconds[_COLLECTING] += self._before

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._seconds[_COLLECTING] += getattr(node, "workeroutput", {}).get("cpu", 0)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Any:
        report = yield
        now = _spent()
        # What a report has beside its own fields travels from a worker of xdist, too.
        report.cpu, self._before = now - self._before, now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid.partition("::")[0]] += getattr(report, "cpu", 0)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section(f"processor time: {sum(self._seconds.values()):.0f} s")
        dearest = sorted(self._seconds.items(), key=lambda entry: -entry[1])
        for name, seconds in dearest[: self._lines]:
            terminalreporter.write_line(f"{seconds:8.2f}s {name}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cpu", type=int, default=0, metavar="N", help="name the N files that cost most processor time"
    )


def pytest_configure(config: pytest.Config) -> None:
    if lines := config.getoption("--cpu"):
        config.pluginmanager.register(Meter(lines))
