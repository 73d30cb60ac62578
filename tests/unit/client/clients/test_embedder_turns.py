"""Which of several embedders gets the next request: the freer one, and none that is away."""

import pytest
from known import known
from octcluster.clients.embedder_turns import EmbedderTurns
from octcluster.model.errors import RequestRefused, ServerUnavailable

AWAY = ServerUnavailable("no answer")


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_has_its_window_and_a_slow_one_gets_less() -> None:
    turns = EmbedderTurns(["slow", "fast"], 2, 30)
    assert [turns.take() for _ in range(5)] == [0, 1, 0, 1, None]
    served = 0
    for _ in range(10):  # the slow one answers nothing meanwhile
        turns.succeeded(1)
        assert turns.take() == 1
        served += 1
    assert served == 10
    assert turns.take() is None


def test_one_that_is_away_is_told_of_once_and_asked_again_later() -> None:
    clock, told = Clock(), list[str]()
    turns = EmbedderTurns(["a:1", "b:2"], 8, 30, told.append, clock)
    assert [turns.take() for _ in range(4)] == [0, 1, 0, 1]
    turns.failed(1, AWAY)
    turns.failed(1, AWAY)
    assert told == ["going on without the embedder at b:2, which is away for now: no answer"]
    assert {turns.take() for _ in range(6)} == {0}
    assert turns.take() is None  # the window of the other one is full
    clock.now = 16
    assert [turns.take(), turns.take()] == [1, None]  # a single request finds out
    turns.succeeded(1)
    assert [turns.take() for _ in range(11)] == [1] * 8 + [None] * 3
    assert len(told) == 1


def test_all_may_be_away_for_a_while_and_no_longer() -> None:
    clock = Clock()
    turns = EmbedderTurns(["a:1", "b:2"], 1, 30, None, clock)
    assert [turns.take(), turns.take()] == [0, 1]
    turns.failed(0, AWAY)
    turns.failed(1, AWAY)
    assert turns.take() is None
    for moment in (20, 25):
        clock.now = moment
        turns.failed(known(turns.take()), AWAY)
    clock.now = 31
    with pytest.raises(ServerUnavailable):
        turns.failed(known(turns.take()), AWAY)


def test_what_is_no_outage_is_raised_at_once() -> None:
    turns = EmbedderTurns(["a:1", "b:2"], 1, 30)
    assert turns.take() == 0
    with pytest.raises(RequestRefused):
        turns.failed(0, RequestRefused("too large", code="INVALID_ARGUMENT"))
    assert {turns.take(), turns.take()} == {0, 1}
