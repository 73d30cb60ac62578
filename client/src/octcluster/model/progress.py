"""How a long-running function tells its caller how far it is."""

from typing import Protocol


class Progress(Protocol):
    """Receives progress; every method returns at once.

    A run reports its stages one after another. Messages may come from another thread than the rest, but never
    are two methods called at once.
    """

    def stage(self, name: str, total: int, unit: str) -> None:
        """A new stage begins: its name for people, its size (0 if unknown) and the unit (``images``, ...)."""
        ...

    def update(self, done: int, total: int) -> None:
        """That much of the current stage is done; total may have become known."""
        ...

    def message(self, text: str) -> None:
        """Something a person should know, for example that a server is being waited for."""
        ...


class Silence:
    """Progress for callers that do not want any."""

    def stage(self, name: str, total: int, unit: str) -> None:
        """Ignores it."""

    def update(self, done: int, total: int) -> None:
        """Ignores it."""

    def message(self, text: str) -> None:
        """Ignores it."""
