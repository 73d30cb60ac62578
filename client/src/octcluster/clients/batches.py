"""Cutting a long series of items into requests that a server takes."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


class RequestCutter(Generic[T]):
    """Gathers items into batches of a limited number and size; an item that is larger goes alone."""

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._items: list[T] = []
        self._bytes = 0

    def add(self, item: T, item_bytes: int) -> list[T]:
        """Takes an item in; returns the batch that this completes, or an empty list."""
        full = len(self._items) >= self._max_items or self._bytes + item_bytes > self._max_bytes
        batch = self.flush() if full else []
        self._items.append(item)
        self._bytes += item_bytes
        return batch

    def flush(self) -> list[T]:
        """Returns what has gathered, perhaps nothing, and starts anew."""
        batch, self._items, self._bytes = self._items, [], 0
        return batch


def gather(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Gathers any number of items into lists of that size; the last may be shorter."""
    remaining = iter(items)
    while part := list(islice(remaining, size)):
        yield part


def cut(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cuts a sequence into parts of that size; the last may be shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
