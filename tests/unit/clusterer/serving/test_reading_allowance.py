"""Members that are read at a time are bounded over all calls, and one call alone is never refused."""

import pytest
from octcluster_clusterer.errors import QueueFull
from octcluster_clusterer.serving.reading_allowance import ReadingAllowance


def test_one_call_alone_may_read_all_and_others_wait() -> None:
    allowance = ReadingAllowance(100)
    with allowance.reading() as take_first:
        for _ in range(3):
            take_first(90)
        with pytest.raises(QueueFull, match="try again"), allowance.reading() as take_second:
            take_second(1)
    with allowance.reading() as take_second:
        take_second(90)


def test_calls_share_what_there_is() -> None:
    allowance = ReadingAllowance(100)
    with allowance.reading() as take_first, allowance.reading() as take_second:
        take_first(60)
        take_second(40)
        for take in (take_first, take_second):
            with pytest.raises(QueueFull):
                take(1)
    with allowance.reading() as take:
        take(100)


def test_one_call_alone_gives_way_where_that_was_said() -> None:
    allowance = ReadingAllowance(100, gives_way=True)
    with allowance.reading() as take_first:
        take_first(150)
        take_first(150)
        with pytest.raises(QueueFull), allowance.reading() as take_second:
            take_second(1)
        with pytest.raises(QueueFull):
            take_first(1)
    with allowance.reading() as take_first:
        take_first(300)
