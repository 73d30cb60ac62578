"""A few uploads are read at a time, each gets its turn, and none keeps others waiting by a pause."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from octcluster_clusterer.errors import QueueFull
from octcluster_clusterer.serving.upload_turns import UploadTurns


class Upload:
    """Messages that come when they are sent."""

    def __init__(self, turns: UploadTurns, *sent: str) -> None:
        self._sent: asyncio.Queue[str | None] = asyncio.Queue()
        for message in sent:
            self.send(message)
        self.read: list[str] = []
        self.task = asyncio.create_task(self._read_all(turns))

    def send(self, message: str | None) -> None:
        self._sent.put_nowait(message)

    async def _messages(self) -> AsyncIterator[str]:
        while (message := await self._sent.get()) is not None:
            yield message

    async def _read_all(self, turns: UploadTurns) -> None:
        async with turns.turn(self._messages()) as messages:
            async for message in messages:
                self.read.append(message)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_so_many_are_read_and_others_in_their_order() -> None:
    turns = UploadTurns("files", 2)
    uploads = [Upload(turns, str(number)) for number in range(4)]
    await settle()
    assert [upload.read for upload in uploads] == [["0"], ["1"], [], []]
    uploads[1].send(None)
    await uploads[1].task
    await settle()
    assert [upload.read for upload in uploads] == [["0"], ["1"], ["2"], []]
    for upload in uploads:
        upload.send(None)
    await asyncio.gather(*(upload.task for upload in uploads))
    assert uploads[3].read == ["3"]


async def test_whose_turn_does_not_come_is_told_to_come_again() -> None:
    turns = UploadTurns("files", 1, wait_seconds=0.05, pause_seconds=60)
    first, second = Upload(turns, "first"), Upload(turns, "second")
    with pytest.raises(QueueFull, match="too many files arrive at once: try again"):
        await second.task
    first.send(None)
    await first.task
    assert (first.read, second.read) == (["first"], [])


async def test_a_pause_ends_an_upload_for_which_others_wait() -> None:
    turns = UploadTurns("files", 1, pause_seconds=0.05)
    first = Upload(turns, "first")
    await settle()
    second = Upload(turns, "second")
    with pytest.raises(QueueFull, match=r"paused for 0\.05 s"):
        await first.task
    second.send(None)
    await second.task
    assert second.read == ["second"]


async def test_a_pause_for_which_nobody_waits_is_none_of_ours() -> None:
    turns = UploadTurns("files", 1, wait_seconds=0.02, pause_seconds=0.05)
    first, second = Upload(turns, "first"), Upload(turns)
    with pytest.raises(QueueFull):
        await second.task  # before the pause of the first one was long enough
    await asyncio.sleep(0.1)
    assert not first.task.done()
    first.send("later")
    first.send(None)
    await first.task
    assert first.read == ["first", "later"]


async def test_a_client_that_leaves_gives_its_turn_back() -> None:
    turns = UploadTurns("files", 1)
    first, second, third = (Upload(turns, name) for name in ("first", "second", "third"))
    await settle()
    for upload in (second, first):
        upload.task.cancel()
        with suppress(asyncio.CancelledError):
            await upload.task
    third.send(None)
    await third.task
    assert third.read == ["third"]
