"""An interrupt is not lost when it arrives where Python cannot raise it."""

import signal
import sys
import time
from collections.abc import Iterator

import pytest
from octcluster.cli.interruption import no_interrupt_lost


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """A shell has what it runs in the background ignore Ctrl-C, these tests included."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Interrupted:
    """Is interrupted just while it is tidied up."""

    def __del__(self) -> None:
        raise KeyboardInterrupt


def work_on() -> None:
    Interrupted()
    time.sleep(30)


def test_an_interrupt_while_python_tidies_up_comes_again() -> None:
    before = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt), no_interrupt_lost():
        work_on()
    assert sys.unraisablehook is before


def test_other_errors_go_where_they_went(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __del__(self) -> None:
            raise ValueError("no")

    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: seen.append(unraisable.exc_type))
    with no_interrupt_lost():
        Broken()
    assert seen == [ValueError]
