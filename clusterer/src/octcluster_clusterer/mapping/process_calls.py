"""What the process of the map is asked to do once the map is done."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ProcessCall:
    """One call of a function in the other process.

    Attributes:
        function: A function of a module: it is sent by its name.
        make_arguments: Makes what it is called with, shortly before.
        answer: Gets what it returns, or why it did not.
    """

    function: Callable[..., Any]
    make_arguments: Callable[[], tuple[Any, ...]]
    answer: Future[Any]


TakeCall = Callable[[], ProcessCall | None]
"""Takes the next call out of those that nobody has begun; None: there is no more."""
