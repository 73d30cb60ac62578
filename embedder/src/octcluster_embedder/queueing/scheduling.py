"""Whose turn it is: fair between clients, interactive work before bulk, and nobody waits for ever.

    interactive   client A: ▢▢   client B: ▢          clients take turns, one image each
    bulk          client A: ▢▢▢▢▢▢   client C: ▢▢▢    served while no interactive image waits,
                                                      or once it has been passed over 8 times

Ageing is counted in images that went ahead and not in seconds: under a full load everything is old, and then
an order by age would forget who is interactive.
"""

import asyncio
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from octcluster_embedder.errors import TooLate

_TURNS_UNTIL_BULK_GOES_FIRST = 8

T = TypeVar("T")


@dataclass(frozen=True)
class Caller:
    """Who wants something, how urgently and until when.

    Attributes:
        client: The same for all calls of one client: its connection.
        interactive: Whether somebody waits for this image alone, or for few.
        deadline: When the answer comes too late, as ``time.monotonic`` tells time.
    """

    client: str = ""
    interactive: bool = False
    deadline: float = math.inf


ANYBODY = Caller()


def refuse_expired(caller: Caller) -> None:
    """Refuses what comes after the caller's deadline.

    Raises:
        TooLate: It has passed.
    """
    if caller.deadline <= time.monotonic():
        raise TooLate("the call's deadline passed while this image was in the queue: allow more time")


class FairQueue(Generic[T]):
    """Things that wait, each with its caller; told apart by identity."""

    def __init__(self) -> None:
        self._interactive: OrderedDict[str, deque[T]] = OrderedDict()
        self._bulk: OrderedDict[str, deque[T]] = OrderedDict()
        self._times_passed_over = 0

    def push(self, item: T, caller: Caller) -> None:
        """Puts an item behind all others of its client."""
        self._class_of(caller).setdefault(caller.client, deque()).append(item)

    def pop(self, matches: Callable[[T], bool] = lambda item: True) -> T | None:
        """Takes the item whose turn it is, of those first in their client's line that match."""
        order = [self._interactive, self._bulk]
        if self.is_bulk_due():
            order.reverse()
        for lines in order:
            for client, line in lines.items():
                if matches(line[0]):
                    self._count_turn(lines)
                    lines.move_to_end(client)
                    return self._take_first(lines, client)
        return None

    def remove(self, item: T, caller: Caller) -> None:
        """Takes an item out of turn, if it is there."""
        lines = self._class_of(caller)
        line = lines.get(caller.client, deque())
        for place, one in enumerate(line):
            if one is item:
                del line[place]
                if not line:
                    del lines[caller.client]
                return

    def count_before(self, caller: Caller, n_images: int) -> int:
        """Number of items that get their turn before the last of ``n_images`` that this caller would add."""
        own = len(self._class_of(caller).get(caller.client, ())) + n_images
        fair = sum(
            min(len(line), own) for name, line in self._class_of(caller).items() if name != caller.client
        )
        first = 0 if caller.interactive else sum(map(len, self._interactive.values()))
        return own - n_images + fair + first

    def has_interactive(self) -> bool:
        """Whether an interactive item waits."""
        return bool(self._interactive)

    def is_bulk_due(self) -> bool:
        """Whether bulk waits that was passed over so often that it is its turn."""
        return bool(self._bulk) and self._times_passed_over >= _TURNS_UNTIL_BULK_GOES_FIRST

    def __bool__(self) -> bool:
        return bool(self._interactive or self._bulk)

    def __len__(self) -> int:
        return sum(len(line) for lines in (self._interactive, self._bulk) for line in lines.values())

    def _class_of(self, caller: Caller) -> OrderedDict[str, deque[T]]:
        return self._interactive if caller.interactive else self._bulk

    def _count_turn(self, lines: OrderedDict[str, deque[T]]) -> None:
        self._times_passed_over = (
            self._times_passed_over + 1 if lines is self._interactive and self._bulk else 0
        )

    @staticmethod
    def _take_first(lines: OrderedDict[str, deque[T]], client: str) -> T:
        item = lines[client].popleft()
        if not lines[client]:
            del lines[client]
        return item


class FairSlots:
    """A semaphore whose slots are given in the order of a FairQueue.

    Args:
        n_slots: How many there are for everybody.
        n_interactive_slots: How many more there are for interactive callers.
    """

    def __init__(self, n_slots: int, n_interactive_slots: int = 0) -> None:
        self._n_slots = n_slots
        self._n_interactive_slots = n_interactive_slots
        self._taken = 0
        self._waiting: FairQueue[tuple[Caller, asyncio.Future[None]]] = FairQueue()

    @property
    def n_waiting(self) -> int:
        """Number of callers that wait for a slot."""
        return len(self._waiting)

    def count_before(self, caller: Caller, n_images: int) -> int:
        """See FairQueue.count_before; counts the slots that are taken as well."""
        return self._taken + self._waiting.count_before(caller, n_images)

    async def take(self, caller: Caller) -> None:
        """Waits for a slot."""
        entry = (caller, asyncio.get_running_loop().create_future())
        self._waiting.push(entry, caller)
        self._hand_out()
        try:
            await entry[1]
        except asyncio.CancelledError:
            self._waiting.remove(entry, caller)
            if not entry[1].cancelled():  # the slot and the cancellation came at the same time
                self.give_back()
            raise

    def give_back(self) -> None:
        """Returns a slot that was taken."""
        self._taken -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting:
            if self._taken < self._n_slots:
                entry = self._waiting.pop()
            elif self._waiting.is_bulk_due():
                return  # else interactive images would take each slot that it could have
            elif self._waiting.has_interactive() and self._taken < self._n_slots + self._n_interactive_slots:
                entry = self._waiting.pop(lambda one: one[0].interactive)
            else:
                return
            if entry is not None and not entry[1].cancelled():
                self._taken += 1
                entry[1].set_result(None)
