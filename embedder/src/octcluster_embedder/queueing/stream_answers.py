"""The finished images of one stream: gathered into messages, and held back while the client does not read."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from octcluster_embedder.queueing.admission import Room
from octcluster_embedder.queueing.requests import Answer, Outcome, ServiceLimits
from octcluster_embedder.spaces import EmbeddingSpace

# Images of one stream in work or unread: enough to keep a model busy across a slow network.
STREAM_WINDOW_IMAGES = 64
# How long a stream gathers results for one message while others of its images are in work: a message costs
# more time than its vectors.
_GATHER_SECONDS = 0.02


@dataclass(frozen=True)
class _Finished:
    space: EmbeddingSpace
    outcome: Outcome
    n_bytes: int


class StreamAnswers:
    """The finished images of one stream until they are written.

    Args:
        limits: Says what fits into a message.

    Attributes:
        window: Holds the stream's images that are in work or unwritten; whoever starts work enters it.
    """

    def __init__(self, limits: ServiceLimits) -> None:
        self.window = Room(STREAM_WINDOW_IMAGES, 2 * limits.max_message_bytes)
        self._limits = limits
        self._finished: asyncio.Queue[_Finished | None] = asyncio.Queue()

    def add(self, space: EmbeddingSpace, outcome: Outcome, n_bytes: int) -> None:
        """Takes what became of an image of so many encoded bytes, which is in the window."""
        self._finished.put_nowait(_Finished(space, outcome, n_bytes))

    def end(self) -> None:
        """Says that there are no more."""
        self._finished.put_nowait(None)

    async def write_all(self, write: Callable[[Answer], Awaitable[None]]) -> None:
        """Writes what is finished, as much at a time as there is, until the end."""
        ended = False
        while not ended:
            by_space: dict[EmbeddingSpace, list[_Finished]] = defaultdict(list)
            ready = [await self._finished.get()]
            if self.window.n_images > 1:
                await asyncio.sleep(_GATHER_SECONDS)
            while not self._finished.empty():
                ready.append(self._finished.get_nowait())
            for one in ready:
                if one is None:
                    ended = True
                else:
                    by_space[one.space].append(one)
            for space, results in by_space.items():
                room = self._limits.max_results(space)
                for start in range(0, len(results), room):
                    part = results[start : start + room]
                    await write(Answer(space, [result.outcome for result in part]))
                    for result in part:
                        self.window.leave(1, result.n_bytes)
