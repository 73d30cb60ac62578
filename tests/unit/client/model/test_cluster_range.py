"""How many clusters to look for: what is read, and what is refused with a cure."""

import pytest
from octcluster.model.cluster_range import as_cluster_range, read_cluster_range
from octcluster.model.errors import InvalidArguments


@pytest.mark.parametrize("k", ["2:6", (2, 6)])
def test_a_range_is_a_text_or_a_pair(k: str | tuple[int, int]) -> None:
    assert as_cluster_range(k) == (2, 6)


@pytest.mark.parametrize("k", ["4", 4, (4, 4)])
def test_one_number_is_a_range_of_its_own(k: str | int | tuple[int, int]) -> None:
    assert as_cluster_range(k) == (4, 4)


@pytest.mark.parametrize(
    ("k", "cure"),
    [
        (1, "k: '1' cannot be used: 2 clusters are the least: write 2 or more, as in 2:10"),
        ("1:4", "2 clusters are the least"),
        ((6, 2), "a range goes upwards, as in 2:6"),
        ("many", "write 4, or 2:10 for a range"),
        (-3, "write 4, or 2:10 for a range"),
        ((2, 3, 4), "give 4, (2, 10) or '2:10'"),
        (2.5, "give 4, (2, 10) or '2:10'"),
    ],
)
def test_what_cannot_be_used_brings_its_cure(k: object, cure: str) -> None:
    with pytest.raises(InvalidArguments) as refused:
        as_cluster_range(k)  # type: ignore[arg-type]
    assert cure in str(refused.value)


def test_one_cluster_is_no_clustering() -> None:
    with pytest.raises(ValueError, match="2 clusters are the least"):
        read_cluster_range("1")
