"""Progress of a job: bars on a terminal, plain lines elsewhere."""

import sys
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self, TextIO

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from octcluster.cli.terminal.console import open_console

_LINE_INTERVAL_SECONDS = 10.0
_MIN_RATE_SECONDS = 0.5
_MIN_DONE_FOR_TIME_LEFT = 10
_UNEVEN_UNITS = ("clusterings", "results", "services", "steps")
"""One may take a hundred times as long as another: rates and times left would be made up."""


class ProgressBars(AbstractContextManager["ProgressBars"]):
    """Progress as one bar a stage, with rate and time left, on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            _DoneColumn(),
            _RateColumn(),
            _TimeColumn(compact=True, elapsed_when_finished=True),
            console=open_console(stream),
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        self._bars.stop()

    def stage(self, name: str, total: int, unit: str) -> None:
        """Finishes the bar of the stage before, and begins one for this stage."""
        self._finish()
        self._task = self._bars.add_task(name, total=total or None, unit=unit)

    def update(self, done: int, total: int) -> None:
        """Moves the bar."""
        if self._task is not None:
            self._bars.update(self._task, completed=done, total=total or None)

    def message(self, text: str) -> None:
        """Prints a line above the bars."""
        self._bars.console.print(Text(text))

    def _finish(self) -> None:
        if self._task is not None:
            done = self._bars.tasks[self._task].completed
            self._bars.update(self._task, total=done or 1, completed=done or 1)


class _DoneColumn(ProgressColumn):
    """How much of the stage is done, with its unit."""

    def render(self, task: Task) -> Text:
        total = "" if task.total is None else f"/{task.total:,.0f}"
        number = task.completed if task.total is None else task.total
        return Text(f"{task.completed:,.0f}{total} {_name_unit(number, task.fields['unit'])}")


class _RateColumn(ProgressColumn):
    """Mean rate of the stage."""

    def render(self, task: Task) -> Text:
        seconds = task.finished_time or task.elapsed
        if not seconds or not task.completed or task.fields["unit"] in _UNEVEN_UNITS:
            return Text("")
        return Text(f"{task.completed / seconds:,.1f}/s", style="cyan")


class _TimeColumn(TimeRemainingColumn):
    """Time left, or, while units are uneven, time taken so far."""

    def render(self, task: Task) -> Text:
        if task.finished or task.fields["unit"] not in _UNEVEN_UNITS:
            return super().render(task)
        minutes, seconds = divmod(int(task.elapsed or 0), 60)
        return Text(f"{minutes:02d}:{seconds:02d} so far", style="progress.elapsed")


class ProgressLines(AbstractContextManager["ProgressLines"]):
    """Progress as plain lines: one at the end of each stage and, in a long one, one every ten seconds."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._name = ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()

    def stage(self, name: str, total: int, unit: str) -> None:
        """Prints how the stage before went, unless that is printed."""
        self._finish()
        self._name, self._done, self._total, self._unit = name, 0, total, unit
        self._began = self._printed = time.monotonic()

    def update(self, done: int, total: int) -> None:
        """Prints a line if the stage is done or the last line is old."""
        self._done, self._total = done, total
        now = time.monotonic()
        if 0 < total <= done:
            self._finish()
        elif self._name and now - self._printed >= _LINE_INTERVAL_SECONDS:
            self._printed = now
            self._print_state(now - self._began)

    def message(self, text: str) -> None:
        """Prints a line."""
        print(text, file=self._stream, flush=True)

    def _print_state(self, seconds: float) -> None:
        total = f" of {self._total:,}" if self._total else ""
        line = f"{self._name}: {self._done:,}{total} {_name_unit(self._total or self._done, self._unit)}"
        rate = self._done / seconds if seconds > 0 else 0.0
        if self._unit in _UNEVEN_UNITS:
            line += f", {seconds:,.0f} s so far"
        elif self._done >= _MIN_DONE_FOR_TIME_LEFT and self._total:
            line += f", {rate:,.1f} a second, {(self._total - self._done) / rate:,.0f} s left"
        self.message(line)

    def _finish(self) -> None:
        if not self._name:
            return
        seconds = time.monotonic() - self._began
        done = f"{self._done:,} {_name_unit(self._done, self._unit)}" if self._done else "done"
        has_rate = self._done and seconds >= _MIN_RATE_SECONDS and self._unit not in _UNEVEN_UNITS
        rate = f", {self._done / seconds:,.1f} a second" if has_rate else ""
        self.message(f"{self._name}: {done} in {seconds:,.1f} s{rate}")
        self._name = ""


def _name_unit(number: float, units: str) -> str:
    return units.removesuffix("s") if number == 1 else units


def show_progress(stream: TextIO | None = None) -> ProgressBars | ProgressLines:
    """Progress for the stream, None: standard error. To be used in a with block."""
    stream = stream or sys.stderr
    return ProgressBars(stream) if stream.isatty() else ProgressLines(stream)
