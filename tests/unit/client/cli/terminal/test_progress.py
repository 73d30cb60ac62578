"""Progress on a terminal and elsewhere."""

import io
import itertools
from types import SimpleNamespace

import pytest
from octcluster.cli.terminal import progress as module
from octcluster.cli.terminal.progress import ProgressBars, ProgressLines, show_progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A millisecond passes each time that progress asks for the time, and none in between."""
    ticks = itertools.count()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(ticks) / 1000))


def test_progress_is_bars_on_a_terminal_and_lines_elsewhere() -> None:
    assert isinstance(show_progress(Terminal()), ProgressBars)
    assert isinstance(show_progress(io.StringIO()), ProgressLines)


@pytest.mark.usefixtures("own_clock")
def test_lines_say_each_stage_once_with_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MIN_RATE_SECONDS", 0.0)
    stream = io.StringIO()
    with show_progress(stream) as progress:
        progress.stage("Starting", 0, "services")
        progress.message("waiting for the embedder")
        progress.stage("Embedding", 40, "images")
        for done in range(1, 41):
            progress.update(done, 40)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0] == "waiting for the embedder"
    assert lines[1].startswith("Starting: done in 0.")
    assert lines[2].startswith("Embedding: 40 images in 0.")
    assert lines[2].endswith(" a second")


def test_a_long_stage_says_how_far_it_is_and_how_long_it_will_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LINE_INTERVAL_SECONDS", 0.0)
    stream = io.StringIO()
    with show_progress(stream) as progress:
        progress.stage("Embedding", 40, "images")
        progress.update(10, 40)
    line = stream.getvalue().splitlines()[0]
    assert line.startswith("Embedding: 10 of 40 images, ")
    assert line.endswith(" s left")


@pytest.mark.usefixtures("own_clock")
def test_no_time_is_made_up_for_steps_of_unequal_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LINE_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(module, "_MIN_RATE_SECONDS", 0.0)
    lines, bars = io.StringIO(), Terminal()
    for stream in (lines, bars):
        with show_progress(stream) as progress:
            progress.stage("Clustering", 9, "clusterings")
            progress.update(3, 9)
    assert lines.getvalue().splitlines() == [
        "Clustering: 3 of 9 clusterings, 0 s so far",
        "Clustering: 3 clusterings in 0.0 s",
    ]
    assert "3/3 clusterings" in bars.getvalue()
    assert "/s" not in bars.getvalue()


def test_one_is_told_in_the_singular() -> None:
    lines, bars = io.StringIO(), Terminal()
    for stream in (lines, bars):
        with show_progress(stream) as progress:
            progress.stage("Clustering", 1, "clusterings")
            progress.update(1, 1)
    assert lines.getvalue().startswith("Clustering: 1 clustering in")
    assert "1/1 clustering " in bars.getvalue()


def test_a_stage_that_failed_is_not_called_done() -> None:
    def fail(stream: io.StringIO) -> None:
        with show_progress(stream) as progress:
            progress.stage("Embedding", 40, "images")
            raise OSError("gone")

    stream = io.StringIO()
    with pytest.raises(OSError, match="gone"):
        fail(stream)
    assert stream.getvalue() == ""


def test_bars_show_each_stage_with_its_count() -> None:
    stream = Terminal()
    with show_progress(stream) as progress:
        progress.stage("Reading", 0, "images")
        progress.update(7, 0)
        progress.message("waiting")
        progress.stage("Embedding", 40, "images")
        progress.update(40, 40)
    text = stream.getvalue()
    assert "waiting" in text
    assert "7/7 images" in text
    assert "40/40 images" in text
