"""A tree of fixed shape: its order, and that nothing else decides it."""

import pytest
from octcluster_clusterer.fixed_tree import FAN_IN, FixedTree


def fold_by_level(values: list[str]) -> str:
    """The same as it is said in words: eight by eight, until one is left."""
    while len(values) > 1:
        groups = [values[start : start + FAN_IN] for start in range(0, len(values), FAN_IN)]
        values = [group[0] if len(group) == 1 else join(group) for group in groups]
    return values[0]


def join(group: list[str]) -> str:
    total = group[0]
    for more in group[1:]:
        total = f"({total}{more})"
    return total


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 16, 17, 63, 64, 65, 73, 512, 600, 4097])
def test_the_tree_has_the_shape_that_levels_of_eight_give(count: int) -> None:
    names = [f"{number}." for number in range(count)]
    tree = FixedTree[str](lambda total, more: f"({total}{more})")
    for name in names:
        tree.add(name)
    assert tree.total() == fold_by_level(names)


def test_a_tree_without_values_says_so() -> None:
    with pytest.raises(ValueError, match="no total"):
        FixedTree[int](lambda total, more: total + more).total()
