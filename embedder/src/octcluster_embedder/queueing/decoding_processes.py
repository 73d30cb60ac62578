"""Decodes images in processes of their own: threads of one process would wait for each other's Python.

A process that ends before its time, by the kernel for want of memory or by a fault in a library, costs no
image: all are started anew, and the images that they had are decoded in the server's own process.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
import warnings
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from multiprocessing.connection import wait

import numpy as np
from numpy.typing import NDArray

from octcluster_embedder.images import decoding
from octcluster_embedder.images.decoding import DecodedImage, ImageLimits, decode_image
from octcluster_embedder.images.pixel_budget import PixelBudget

_logger = logging.getLogger(__name__)
# A fork would copy the locks of threads that hold them; these processes start from nothing.
_CONTEXT = multiprocessing.get_context("spawn")


class DecodingProcesses:
    """Processes that decode, one image each at a time.

    Args:
        n_processes: How many.
        limits: What an image may be.
    """

    def __init__(self, n_processes: int, limits: ImageLimits) -> None:
        self._n_processes = n_processes
        self._limits = limits
        self._replacing = threading.Lock()
        self._pool = self._start()

    def decode(self, image: bytes, height: int, width: int, find_retina: bool) -> DecodedImage:
        """Has a process decode an image, and waits for it; see ``images.decoding.decode_image``."""
        pool = self._pool
        try:
            return _spread(self._submit(pool, image, height, width, find_retina).result())
        except BrokenExecutor:
            self._replace(pool)
            return decode_image(image, height, width, self._limits, find_retina=find_retina)

    async def decode_async(self, image: bytes, height: int, width: int, find_retina: bool) -> DecodedImage:
        """The same for an event loop, with no thread that waits."""
        pool = self._pool
        try:
            return _spread(await asyncio.wrap_future(self._submit(pool, image, height, width, find_retina)))
        except BrokenExecutor:
            await asyncio.to_thread(self._replace, pool)
            return await asyncio.to_thread(self.decode, image, height, width, find_retina)

    def close(self) -> None:
        """Lets the processes end."""
        with self._replacing:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(
        self, pool: ProcessPoolExecutor, image: bytes, height: int, width: int, find_retina: bool
    ) -> Future[DecodedImage]:
        return pool.submit(_decode, image, height, width, self._limits, find_retina)

    def _start(self) -> ProcessPoolExecutor:
        # A new budget each time: a process may have ended with pixels of the last.
        self._budget = PixelBudget(_CONTEXT)
        pool = ProcessPoolExecutor(self._n_processes, _CONTEXT, _prepare, (self._budget,))
        for _ in range(self._n_processes):  # it starts one only when there is work for it
            pool.submit(os.getpid)
        return pool

    def _replace(self, broken: ProcessPoolExecutor) -> None:
        with self._replacing:
            if self._pool is broken:
                _logger.warning("a process that decodes has ended: starting all of them anew")
                broken.shutdown(wait=False)
                self._pool = self._start()


# --- in the processes


def _prepare(budget: PixelBudget) -> None:
    """Readies a process that decodes, and has it end with the server, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from a terminal both reach the whole group: the server
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # answers what it has accepted first
    logging.disable()  # Pillow's log and warnings quote what a client sent
    warnings.simplefilter("ignore")
    decoding.share_pixel_budget(budget)
    threading.Thread(target=_end_with_server, daemon=True).start()


def _end_with_server() -> None:
    server = multiprocessing.parent_process()
    if server is not None:
        wait([server.sentinel])
        os._exit(0)


def _decode(image: bytes, height: int, width: int, limits: ImageLimits, find_retina: bool) -> DecodedImage:
    """Decodes an image; of a grey one, a third is sent."""
    found = decode_image(image, height, width, limits, find_retina=find_retina)
    retina = None if found.retina is None else _keep_one_channel(found.retina)
    return DecodedImage(_keep_one_channel(found.plain), found.measures, retina)


def _keep_one_channel(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = pixels[..., :1]
    return np.ascontiguousarray(grey) if (pixels == grey).all() else pixels


def _spread(image: DecodedImage) -> DecodedImage:
    """Shows the one channel of a grey image that was sent as three, without a copy."""
    retina = None if image.retina is None else _as_three_channels(image.retina)
    return DecodedImage(_as_three_channels(image.plain), image.measures, retina)


def _as_three_channels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.broadcast_to(pixels, (*pixels.shape[:-1], 3))
