"""An interrupt is not lost when it arrives where Python cannot raise it."""

import sys
import time

import pytest
from octcluster.interruption import no_interrupt_lost


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
