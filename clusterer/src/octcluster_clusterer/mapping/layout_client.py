"""The other end of ``layout_process``: starts it, sends it a graph, and can leave it at any moment."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from multiprocessing import Pipe
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from octcluster_clusterer.errors import MapFailed

_PROCESS = "octcluster_clusterer.mapping.layout_process"
_ONE_THREAD = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_SECONDS_BETWEEN_REPORTS = 0.2


class LayoutClient(AbstractContextManager["LayoutClient"]):
    """A process that lays graphs out; it gets ready while its client does something else."""

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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Before the channel is closed, which the process would take for a fault and tell with its stack.
        self._process.kill()
        self._process.wait()
        self._channel.close()

    def lay_out(
        self, graph: csr_array, start: NDArray[np.float32], seed: int, report: Callable[[int, int], None]
    ) -> NDArray[np.float32]:
        """Lays a graph out; see ``layout_process.lay_out``.

        ``report`` is called several times a second also while nothing moves; what it raises gets through.

        Raises:
            MapFailed: The process ended.
        """
        try:
            self._receive(report)  # it is ready
            self._channel.send((graph, start, seed))
            while (places := self._receive(report)) is None:
                pass
        except (EOFError, OSError) as error:
            raise MapFailed(
                "the process that computes it ended, its reason is in the clusterer's log"
            ) from error
        return places

    def _receive(self, report: Callable[[int, int], None]) -> NDArray[np.float32] | None:
        while not self._channel.poll(_SECONDS_BETWEEN_REPORTS):
            report(*self._rounds)
        places: NDArray[np.float32] | None
        *self._rounds, places = self._channel.recv()
        if places is None:
            report(*self._rounds)
        return places
