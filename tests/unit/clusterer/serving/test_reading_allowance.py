"""What is read at a time is bounded over all calls, and one call alone is never refused."""

import pytest
from octcluster_clusterer.errors import QueueFull
from octcluster_clusterer.serving.reading_allowance import ReadingAllowance


def test_one_call_alone_may_read_all_and_others_wait() -> None:
    allowance = ReadingAllowance(100, "members")
    with allowance.reading() as first:
        for _ in range(3):
            first.take(90)
        with pytest.raises(QueueFull, match=r"members .* try again"), allowance.reading() as second:
            second.take(1)
    with allowance.reading() as second:
        second.take(90)


def test_calls_share_what_there_is() -> None:
    allowance = ReadingAllowance(100, "members")
    with allowance.reading() as first, allowance.reading() as second:
        first.take(60)
        second.take(40)
        for reading in (first, second):
            with pytest.raises(QueueFull):
                reading.take(1)
    with allowance.reading() as reading:
        reading.take(100)


def test_one_call_alone_gives_way_where_that_was_said() -> None:
    allowance = ReadingAllowance(100, "members", gives_way=True)
    with allowance.reading() as first:
        first.take(150)
        first.take(150)
        with pytest.raises(QueueFull), allowance.reading() as second:
            second.take(1)
        with pytest.raises(QueueFull):
            first.take(1)
    with allowance.reading() as first:
        first.take(300)


def test_a_call_without_room_is_told_before_it_reads() -> None:
    allowance = ReadingAllowance(100, "members")
    with allowance.reading() as first, allowance.reading() as second:
        first.check_room(1000)
        first.take(60)
        second.check_room(40)
        with pytest.raises(QueueFull):
            second.check_room(41)
        second.take(40)
        assert (first.held, second.held) == (60, 40)
