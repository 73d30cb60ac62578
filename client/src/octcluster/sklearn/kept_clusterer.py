"""The clusterer on this machine that fits and predicts share: started by the first, ended with the process.

Starting it takes seconds, a fit of some hundred vectors less than one. Its cache lies in a temporary folder:
the user's own is free for other jobs.
"""

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from octcluster.clients.clusterer import ClustererClient
from octcluster.clients.security import Tls
from octcluster.local.options import LocalStackOptions
from octcluster.local.stack import START_SECONDS, LocalStack
from octcluster.model.errors import LocalStackError
from octcluster.model.progress import Silence


@contextmanager
def connected_clusterer(
    address: str | None = None, tls: Tls | None = None, token: str | None = None
) -> Iterator[ClustererClient]:
    """Connects to a clusterer while the block runs.

    Args:
        address: Where it is; None: the one that this process keeps.
        tls: How the connection is secured; None: it is not.
        token: What the clusterer wants to see; None: nothing.

    Raises:
        ExtraNotInstalled: A clusterer on this machine is not installed.
        LocalStackError: It did not come up.
    """
    if address is None:
        address, tls, token = _KEPT.find(), None, None
    with ClustererClient(address, tls=tls, token=token) as clusterer:
        yield clusterer


class _KeptClusterer:
    """The clusterer of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stack: LocalStack | None = None
        self._process = 0
        self._folder = Path()

    def find(self) -> str:
        """Its address; it serves."""
        with self._lock:
            if self._process != os.getpid():  # a fork has its parent's, and may not end it
                self._stack = None
            if self._stack is not None:
                try:
                    self._stack.check()
                except LocalStackError:
                    self._stop()
            if self._stack is None:
                self._start()
            return self._stack.clusterer_address if self._stack else ""

    def _start(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="octcluster-vectors-"))
        stack = LocalStack(LocalStackOptions(cache_dir=self._folder, embedder=False), Silence())
        try:
            stack.__enter__()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._stack, self._process = stack, os.getpid()
        try:
            stack.wait_until_started()
            with ClustererClient(stack.clusterer_address) as clusterer:
                clusterer.wait_until_serving(START_SECONDS, lambda _: stack.check())
        except BaseException:
            self._stop()
            raise

    def _stop(self) -> None:
        stack, self._stack = self._stack, None
        if stack is not None:
            stack.__exit__()
            shutil.rmtree(self._folder, ignore_errors=True)

    def stop(self) -> None:
        """Ends it, if this process has started one."""
        if self._process == os.getpid():
            self._stop()


_KEPT = _KeptClusterer()
atexit.register(_KEPT.stop)
