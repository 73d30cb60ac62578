"""Sums up a tree of fixed shape: the same bits, wherever the values were computed."""

from collections.abc import Callable
from typing import Generic, TypeVar

FAN_IN = 8
"""Values that a node of the tree folds, one after the other."""

Value = TypeVar("Value")


class FixedTree(Generic[Value]):
    """Folds values that come in order: eight by eight, then these eight by eight, and so on.

    It keeps no more than one value of each level. A tree of up to 64 values gives the sum of eight sums.

    Examples:
        >>> tree = FixedTree[str](lambda total, more: f"({total}{more})")
        >>> for letter in "abcdefghij":
        ...     tree.add(letter)
        >>> tree.total()
        '((((((((ab)c)d)e)f)g)h)(ij))'
    """

    def __init__(self, combine: Callable[[Value, Value], Value]) -> None:
        """Folds by ``combine(total, more)``, which may change and return ``total``."""
        self._combine = combine
        self._levels: list[tuple[int, Value] | None] = []

    def add(self, value: Value) -> None:
        """Takes the next value; it is the tree's own from then on."""
        for level, held in enumerate(self._levels):
            count, total = (1, value) if held is None else (held[0] + 1, self._combine(held[1], value))
            if count < FAN_IN:
                self._levels[level] = (count, total)
                return
            self._levels[level], value = None, total
        self._levels.append((1, value))

    def total(self) -> Value:
        """Folds what there is.

        Raises:
            ValueError: There is nothing.
        """
        held = [level[1] for level in self._levels if level is not None]
        if not held:
            raise ValueError("a tree without values has no total")
        total = held[0]
        for above in held[1:]:
            total = self._combine(above, total)
        return total
