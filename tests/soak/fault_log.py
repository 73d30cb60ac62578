"""What was done to the programs, and when: whoever gives a reason is held against it."""

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass
class Fault:
    """One thing that was done.

    Attributes:
        kind: ``kill``, ``stop``, ``cut``, ``stall`` or ``fill``.
        target: What it was done to.
        began: When, in seconds of the monotonic clock.
        ended: When all was well again; None: not yet.
    """

    kind: str
    target: str
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None

    @property
    def name(self) -> str:
        return f"{self.kind} {self.target}"

    def overlaps(self, began: float, ended: float) -> bool:
        return self.began <= ended and (self.ended is None or self.ended >= began)


class FaultLog:
    """All faults so far; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._origin = time.monotonic()
        self.faults: list[Fault] = []

    def begin(self, kind: str, target: str) -> Fault:
        fault = Fault(kind, target)
        with self._lock:
            self.faults.append(fault)
        return fault

    def end(self, fault: Fault) -> None:
        fault.ended = time.monotonic()

    def between(self, began: float, ended: float) -> list[Fault]:
        """Those at work in a stretch of time."""
        with self._lock:
            return [fault for fault in self.faults if fault.overlaps(began, ended)]

    def explains(self, causes: Collection[str], began: float, ended: float) -> bool:
        """Whether one of these faults, each a kind and a target, was at work in a stretch of time."""
        return any(fault.name in causes for fault in self.between(began, ended))

    def tell_time(self, moment: float) -> str:
        """Seconds from the beginning, of a moment of the monotonic clock."""
        return f"{moment - self._origin:.1f}"

    def tell(self) -> list[str]:
        """For people: each fault with its seconds from the beginning."""
        with self._lock:
            return [
                f"{self.tell_time(fault.began)} to "
                f"{'the end' if fault.ended is None else self.tell_time(fault.ended)}: {fault.name}"
                for fault in self.faults
            ]

    def count(self) -> dict[str, int]:
        with self._lock:
            names = [fault.name for fault in self.faults]
        return {name: names.count(name) for name in sorted(set(names))}
