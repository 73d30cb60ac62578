import asyncio
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from octcluster_embedder.queueing.scheduling import Caller, FairQueue, FairSlots

BULK = [Caller(f"client {n}") for n in range(4)]
INTERACTIVE = [Caller(f"client {n}", interactive=True) for n in range(4)]
T = TypeVar("T")


def drain(queue: FairQueue[T]) -> list[T]:
    found = []
    while (item := queue.pop()) is not None:
        found.append(item)
    return found


def test_clients_take_turns_each_in_its_own_order() -> None:
    queue: FairQueue[str] = FairQueue()
    for n in range(3):
        queue.push(f"a{n}", BULK[0])
    queue.push("b0", BULK[1])
    queue.push("c0", BULK[2])
    queue.push("c1", BULK[2])
    assert drain(queue) == ["a0", "b0", "c0", "a1", "c1", "a2"]


def test_interactive_goes_first_and_bulk_ages() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.push("bulk 0", BULK[0])
    queue.push("bulk 1", BULK[0])
    for n in range(20):
        queue.push(str(n), INTERACTIVE[1])
    order = drain(queue)
    assert order[:10] == ["0", "1", "2", "3", "4", "5", "6", "7", "bulk 0", "8"]
    assert order.index("bulk 1") == 17
    assert len(order) == 22


def test_what_does_not_match_keeps_its_turn() -> None:
    queue: FairQueue[str] = FairQueue()
    for client, item in zip(BULK, ["pooled 0", "flatten 1", "pooled 2"], strict=False):
        queue.push(item, client)
    assert queue.pop(lambda item: item.startswith("flatten")) == "flatten 1"
    assert queue.pop(lambda item: item.startswith("flatten")) is None
    assert drain(queue) == ["pooled 0", "pooled 2"]


callers = st.sampled_from(BULK + INTERACTIVE)


@given(st.lists(st.tuples(callers, st.booleans()), max_size=60))
def test_nothing_is_lost_or_done_twice(pushes: list[tuple[Caller, bool]]) -> None:
    queue: FairQueue[int] = FairQueue()
    kept = set()
    for number, (caller, removed) in enumerate(pushes):
        queue.push(number, caller)
        if removed:
            queue.remove(number, caller)
        else:
            kept.add(number)
    assert len(queue) == len(kept)
    found = drain(queue)
    assert sorted(found) == sorted(kept)
    for caller in BULK + INTERACTIVE:
        own = [number for number in found if pushes[number][0] == caller]
        assert own == sorted(own)


@given(st.lists(callers, max_size=40), callers, st.integers(1, 5))
def test_the_count_of_what_comes_before_is_what_comes_before(
    waiting: list[Caller], caller: Caller, n_images: int
) -> None:
    queue: FairQueue[int] = FairQueue()
    for number, one in enumerate(waiting):
        queue.push(number, one)
    expected = queue.count_before(caller, n_images)
    for number in range(n_images):
        queue.push(100 + number, caller)
    order = drain(queue)
    before = order.index(100 + n_images - 1) - (n_images - 1)
    # Turns already taken, and ageing, move it by few: one a client, one in eight.
    assert abs(before - expected) <= 4 + len(order) / 8


async def test_slots_are_given_in_turn_and_interactive_callers_have_more() -> None:
    slots = FairSlots(2, n_interactive_slots=1)
    for _ in range(2):
        await slots.take(BULK[0])
    order: list[str] = []

    async def take(name: str, caller: Caller) -> None:
        await slots.take(caller)
        order.append(name)

    tasks = [
        asyncio.create_task(take(*one))
        for one in (("bulk", BULK[0]), ("first", INTERACTIVE[1]), ("second", INTERACTIVE[2]))
    ]
    await asyncio.sleep(0.01)
    assert order == ["first"]
    slots.give_back()
    await asyncio.sleep(0.01)
    assert order == ["first", "second"]
    slots.give_back()
    await asyncio.sleep(0.01)
    assert order == ["first", "second"], "the third slot is for interactive callers alone"
    slots.give_back()
    await asyncio.gather(*tasks)
    assert order == ["first", "second", "bulk"]


async def test_a_caller_that_gives_up_takes_no_slot() -> None:
    slots = FairSlots(1)
    await slots.take(BULK[0])
    first, second = (asyncio.create_task(slots.take(caller)) for caller in BULK[1:3])
    await asyncio.sleep(0)
    first.cancel()
    slots.give_back()
    await asyncio.wait_for(second, 30)
    with pytest.raises(asyncio.CancelledError):
        await first
    assert slots.n_waiting == 0


async def test_a_slot_given_at_the_moment_of_giving_up_goes_to_the_next() -> None:
    slots = FairSlots(1)
    await slots.take(BULK[0])
    first, second = (asyncio.create_task(slots.take(caller)) for caller in BULK[1:3])
    await asyncio.sleep(0)
    slots.give_back()  # gives it to the first, which does not know yet
    first.cancel()
    await asyncio.wait_for(second, 30)
    assert first.cancelled()
    assert slots.n_waiting == 0


@pytest.mark.parametrize("n_interactive_slots", [1, 4])
async def test_bulk_has_its_turn_however_many_interactive_callers_there_are(n_interactive_slots: int) -> None:
    slots = FairSlots(1, n_interactive_slots)
    order: list[bool] = []

    async def use(caller: Caller) -> None:
        await slots.take(caller)
        order.append(caller.interactive)
        await asyncio.sleep(0)
        slots.give_back()

    async def use_again_and_again(caller: Caller) -> None:
        while order.count(False) < 5:
            await use(caller)

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        for number in range(8):
            caller = Caller(f"client {number}", interactive=True)
            tasks.create_task(use_again_and_again(caller))
        for _ in range(5):
            tasks.create_task(use(BULK[0]))
    assert order.count(False) == 5
    assert len(order) < 5 * 20
