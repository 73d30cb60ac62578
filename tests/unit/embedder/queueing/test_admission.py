import asyncio

import pytest
from octcluster_embedder.queueing.admission import Pace, Room


def fits(room: Room, n_images: int, n_bytes: int, *, interactive: bool = False) -> bool:
    return not room.images_too_many(n_images, n_bytes, interactive=interactive)


async def test_each_kind_of_work_has_its_share_of_the_room() -> None:
    room = Room(max_images=100, max_bytes=1000)
    for _ in range(50):
        assert await room.enter_in_turn(1)
    stream = asyncio.create_task(room.enter_in_turn(1))
    await asyncio.sleep(0.01)
    assert not stream.done(), "streams leave half of the room to others"
    assert fits(room, 25, 25)
    room.enter(25, 25)
    assert not fits(room, 5, 5)
    assert room.images_too_many(5, 5, interactive=False) == 5
    assert fits(room, 25, 25, interactive=True)
    room.enter(25, 25)
    assert room.images_too_many(1, 1, interactive=True) == 1
    room.leave(51, 51)
    assert await asyncio.wait_for(stream, 30)


async def test_bytes_count_as_well() -> None:
    room = Room(max_images=100, max_bytes=1000)
    room.enter(1, 700)
    assert fits(room, 1, 50)
    assert room.images_too_many(1, 51, interactive=False) == 1
    assert fits(room, 1, 300, interactive=True)


async def test_a_large_image_passes_alone_and_in_its_turn() -> None:
    room = Room(max_images=10, max_bytes=100)
    assert await room.enter_in_turn(40)
    served: list[int] = []

    async def enter(n_bytes: int) -> None:
        await room.enter_in_turn(n_bytes)
        served.append(n_bytes)

    large, small = asyncio.create_task(enter(500)), asyncio.create_task(enter(1))
    await asyncio.sleep(0.01)
    assert served == []
    room.leave(1, 40)
    await large
    await asyncio.sleep(0.01)
    assert served == [500]
    room.leave(1, 500)
    await small
    assert (room.n_images, room.n_bytes) == (1, 1)


async def test_one_who_gives_up_waiting_does_not_block_the_line() -> None:
    room = Room(max_images=2, max_bytes=100)
    await room.enter_in_turn(1)
    first, second = (asyncio.create_task(room.enter_in_turn(1)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    assert not second.done()
    room.leave(1, 1)
    assert await asyncio.wait_for(second, 30)
    assert room.n_images == 1


async def test_a_closed_room_lets_nobody_wait() -> None:
    room = Room(max_images=2, max_bytes=100)
    await room.enter_in_turn(1)
    waiting = [asyncio.create_task(room.enter_in_turn(1)) for _ in range(2)]
    await asyncio.sleep(0.01)
    room.close()
    assert await asyncio.wait_for(asyncio.gather(*waiting), 30) == [False, False]
    assert room.n_images == 1


def test_pace_is_the_time_that_an_image_adds() -> None:
    pace = Pace()
    assert pace.seconds_for(1) is None
    for n in range(100):  # two batches of 10 at a time, each 2 s, one of them done each second
        pace.note(10, began=n, ended=n + 2)
    assert pace.seconds_for(50) == pytest.approx(5, rel=0.01)
