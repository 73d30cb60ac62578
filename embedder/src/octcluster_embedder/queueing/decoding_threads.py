"""Decodes images in threads; the bound on how many at a time is one for all models.

Where there are more than three threads, each has a process decode for it: see ``decoding_processes``.
"""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from octcluster_embedder.images.decoding import DecodedImage, ImageLimits, decode_image
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.decoding_processes import DecodingProcesses
from octcluster_embedder.queueing.scheduling import Caller, FairSlots, refuse_expired

# Decoding needs the interpreter half of its time: a fourth thread makes all of them slower.
_MOST_WITHOUT_PROCESSES = 3
# More could not be fed by the one interpreter of the server.
_MOST_PROCESSES = 16


class DecodingThreads:
    """Threads that decode images of all models; ``one_by_one`` brings threads of its own, in its own order.

    Args:
        n_threads: How many images are decoded at a time, by these threads and by others that ask to.
        limits: What an image may be.
        metrics: Takes note of durations.
    """

    def __init__(self, n_threads: int, limits: ImageLimits, metrics: Metrics) -> None:
        self.n_threads = n_threads
        self._limits = limits
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(n_threads, "decoding")
        self._slots = FairSlots(n_threads)
        self._at_once = threading.Semaphore(n_threads)
        self._processes = (
            DecodingProcesses(min(n_threads, _MOST_PROCESSES), limits)
            if n_threads > _MOST_WITHOUT_PROCESSES
            else None
        )

    async def decode(
        self, image: bytes, size: tuple[int, int], find_retina: bool, caller: Caller
    ) -> DecodedImage:
        """Decodes an image for a network's input of this height and width; see ``images.decoding``."""
        await self._slots.take(caller)
        try:
            refuse_expired(caller)
            if self._processes is None:
                loop = asyncio.get_running_loop()
                decoded, _ = await loop.run_in_executor(
                    self._threads, self.decode_here, image, *size, find_retina
                )
                return decoded
            began = time.monotonic()
            decoded = await self._processes.decode_async(image, *size, find_retina)
            self._metrics.time_decoding(time.monotonic() - began)
            return decoded
        finally:
            self._slots.give_back()

    def decode_here(
        self, image: bytes, height: int, width: int, find_retina: bool
    ) -> tuple[DecodedImage, float]:
        """Decodes an image while the caller waits, once few enough do, and tells the seconds it took."""
        with self._at_once:
            began = time.monotonic()
            if self._processes is None:
                decoded = decode_image(image, height, width, self._limits, find_retina=find_retina)
            else:
                decoded = self._processes.decode(image, height, width, find_retina)
            seconds = time.monotonic() - began
        self._metrics.time_decoding(seconds)
        return decoded, seconds

    def close(self) -> None:
        """Lets the threads and processes end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._processes is not None:
            self._processes.close()
