"""The other end of ``layout_process``: starts it, sends it work, and can leave it at any moment."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import AbstractContextManager
from multiprocessing import Pipe
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from octcluster_clusterer.errors import MapFailed
from octcluster_clusterer.mapping.process_calls import TakeCall

_PROCESS = "octcluster_clusterer.mapping.layout_process"
_ONE_THREAD = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_SECONDS_BETWEEN_REPORTS = 0.2


class LayoutClient(AbstractContextManager["LayoutClient"]):
    """A process that lays vectors out; it gets ready, and works, while its client does something else."""

    def __init__(self) -> None:
        """Starts the process; leaving the context ends it, whatever it does."""
        self._channel, theirs = Pipe()
        number = theirs.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", "-m", _PROCESS, str(number)],
            pass_fds=[number],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **_ONE_THREAD},
        )
        theirs.close()
        self._rounds: list[int] = [0, 0]
        self._talks = ThreadPoolExecutor(1, thread_name_prefix="map")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Before the channel is closed, which the process would take for a fault and tell with its stack.
        self._process.kill()
        self._process.wait()
        self._talks.shutdown()  # the end of the process ends what waits for it
        self._channel.close()

    def begin(
        self, vectors: NDArray[np.float32], start: NDArray[np.float32], seed: int
    ) -> Future[NDArray[np.float32]]:
        """Has vectors laid out; see ``layout_process.lay_out``. Until that is done, they must not change."""
        self._rounds = [0, 0]
        return self._talks.submit(self._lay_out, vectors, start, seed)

    def finish(
        self, places: Future[NDArray[np.float32]], report: Callable[[int, int], None]
    ) -> NDArray[np.float32]:
        """Waits for what was begun.

        ``report`` is called several times a second also while nothing moves; what it raises gets through.

        Raises:
            MapFailed: The process ended.
        """
        while True:
            try:
                found = places.result(_SECONDS_BETWEEN_REPORTS)
            except NotYet:
                report(*self._rounds)
            except (EOFError, OSError) as error:
                raise MapFailed(
                    "the process that computes it ended, its reason is in the clusterer's log"
                ) from error
            else:
                report(*self._rounds)
                return found

    def offer(self, take_call: TakeCall) -> None:
        """Has the process take calls, once it is done with what was begun, until there is none left.

        The first call that fails is the last one that it takes.
        """
        self._talks.submit(self._do_calls, take_call)

    def _do_calls(self, take_call: TakeCall) -> None:
        while (call := take_call()) is not None:
            try:
                self._channel.recv()  # it is ready
                self._channel.send((call.function, call.make_arguments()))
                *_, answer = self._channel.recv()
            except Exception as error:
                call.answer.set_exception(error)
                return
            call.answer.set_result(answer)

    def _lay_out(
        self, vectors: NDArray[np.float32], start: NDArray[np.float32], seed: int
    ) -> NDArray[np.float32]:
        self._channel.recv()  # it is ready
        self._channel.send((None, (vectors, start, seed)))
        places: NDArray[np.float32] | None = None
        while places is None:
            *rounds, places = self._channel.recv()
            if places is None:
                self._rounds = rounds
        return places
