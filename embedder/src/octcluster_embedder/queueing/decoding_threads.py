"""Decodes images in threads; the bound on how many at a time is one for all models."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from octcluster_embedder.images.decoding import DecodedImage, ImageLimits, decode_image
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.scheduling import Caller, FairSlots, refuse_expired


class DecodingThreads:
    """Threads that decode images of all models, each in its turn.

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

    async def decode(
        self, image: bytes, size: tuple[int, int], find_retina: bool, caller: Caller
    ) -> DecodedImage:
        """Decodes an image for a network's input of this height and width; see ``images.decoding``."""
        await self._slots.take(caller)
        try:
            refuse_expired(caller)
            loop = asyncio.get_running_loop()
            decoded, _ = await loop.run_in_executor(
                self._threads, self.decode_here, image, *size, find_retina
            )
            return decoded
        finally:
            self._slots.give_back()

    def decode_here(
        self, image: bytes, height: int, width: int, find_retina: bool
    ) -> tuple[DecodedImage, float]:
        """Decodes an image in the thread that calls, once few enough do, and tells the seconds it took."""
        with self._at_once:
            began = time.monotonic()
            decoded = decode_image(image, height, width, self._limits, find_retina=find_retina)
            seconds = time.monotonic() - began
        self._metrics.time_decoding(seconds)
        return decoded, seconds

    def close(self) -> None:
        """Lets the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
