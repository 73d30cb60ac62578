"""What a person sees on the terminal: progress while a run is at work, and a summary at its end."""

import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from octcluster.cli.terminal.tables import tabulate_clusters, tabulate_results
from octcluster.outputs.run.record import read_start
from octcluster.outputs.wording.trust import describe_unused_patients, summarize_trust
from octcluster.outputs.wording.words import (
    RESEARCH_USE_ONLY,
    count,
    describe_answer,
    describe_missing_labels,
    describe_noise,
    show_text,
)
from octcluster.workflows.outcome import RunOutcome

_LINE_INTERVAL_SECONDS = 10.0
_MIN_RATE_SECONDS = 0.5
_PLAIN_WIDTH = 120
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
            console=Console(file=stream),
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
        return Text(f"{task.completed:,.0f}{total} {task.fields['unit']}")


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
        line = f"{self._name}: {self._done:,}{total} {self._unit}"
        rate = self._done / seconds if seconds > 0 else 0.0
        if self._unit in _UNEVEN_UNITS:
            line += f", {seconds:,.0f} s so far"
        elif rate and self._total:
            line += f", {rate:,.1f} a second, {(self._total - self._done) / rate:,.0f} s left"
        self.message(line)

    def _finish(self) -> None:
        if not self._name:
            return
        seconds = time.monotonic() - self._began
        done = f"{self._done:,} {self._unit}" if self._done else "done"
        has_rate = self._done and seconds >= _MIN_RATE_SECONDS and self._unit not in _UNEVEN_UNITS
        rate = f", {self._done / seconds:,.1f} a second" if has_rate else ""
        self.message(f"{self._name}: {done} in {seconds:,.1f} s{rate}")
        self._name = ""


def show_progress(stream: TextIO = sys.stderr) -> ProgressBars | ProgressLines:
    """Progress for the stream: bars on a terminal, lines elsewhere. To be used in a with block."""
    return ProgressBars(stream) if stream.isatty() else ProgressLines(stream)


def print_replaced(folder: Path, stream: TextIO = sys.stderr) -> None:
    """Prints which run's outputs a new run will replace, in local time; nothing if there are none."""
    started = read_start(folder)
    if started is not None:
        print(f"replacing the run of {started.astimezone():%Y-%m-%d %H:%M} in {folder}", file=stream)


def print_summary(outcome: RunOutcome, folder: Path, stream: TextIO = sys.stdout) -> None:
    """Prints what a run found and where its output files are.

    Args:
        outcome: What the run found.
        folder: Where its output files are.
        stream: Where to print.
    """
    console = Console(file=stream, width=None if stream.isatty() else _PLAIN_WIDTH, highlight=False)
    result, chosen = outcome.result, outcome.chosen
    console.print()
    _print_counts(console, outcome)
    console.print(tabulate_results(result.results, result.chosen, bool(outcome.image_set.classes)))
    for sentence in describe_noise(result.results):
        _say(console, sentence)
    console.print(tabulate_clusters(chosen, outcome.image_set.classes))
    for sentence in describe_answer(chosen, outcome.class_sizes, whitened=outcome.spec.preparation.whiten):
        _say(console, sentence)
    unused = describe_unused_patients(outcome.spec.preparation, outcome.members)
    for sentence in [*summarize_trust(chosen, outcome.leaks, result.duplicates), *unused]:
        _say(console, sentence)
    if len(result.results) > 1:
        _say(console, f"Chosen (*): {show_text(result.chosen_reason)}")
    console.print()
    if outcome.failures:
        _say(console, f"Failures: {folder / 'failures.csv'}")
    _say(console, f"Report: {folder / 'report.html'}")
    _say(console, RESEARCH_USE_ONLY)


def _say(console: Console, text: str) -> None:
    """Prints a line; only a terminal needs it wrapped."""
    console.print(Text(text), soft_wrap=not console.is_terminal)


def _print_counts(console: Console, outcome: RunOutcome) -> None:
    total, failed = len(outcome.image_set.images), len(outcome.failures)
    counts = [f"{outcome.embedded:,} embedded", f"{outcome.cached:,} from the cache", f"{failed:,} failed"]
    if outcome.image_set.ignored_files:
        counts.append(f"{count(outcome.image_set.ignored_files, 'other file')} ignored")
    _say(console, f"{count(total, 'image')}: {', '.join(counts)}")
    labelled = sum(image.label is not None for image in outcome.members)
    if labelled:
        classes = count(len(outcome.image_set.classes), "class")
        source = outcome.image_set.label_source
        _say(console, f"Labels: {count(labelled, 'image')} in {classes} (--labels {source})")
    for sentence in describe_missing_labels(outcome.image_set):
        _say(console, sentence)
    recipe = outcome.recipe.name or "your own (options change plain-1, unless --recipe names another one)"
    _say(console, f"Recipe: {recipe}")
    space = outcome.space
    digest = space.digest.hex()[:12]
    _say(
        console,
        f"Features: {space.model}, {space.features}, {space.dimension:,} values an image (space {digest})",
    )
