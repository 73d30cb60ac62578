"""A process of its own that lays vectors out with umap-learn; ``layout_client`` starts it and talks to it.

Once it is done with that, it does other work of the run: see ``runs/stability_parts.py``.

umap-learn brings Numba, which takes seconds and hundreds of megabytes to start, and then holds the
interpreter for long: in the server it would hold up every call, and no run could be cancelled. Besides, the
map is made while its run goes on.
"""

import io
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from octcluster_serving.starting import kept_imports
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from octcluster_clusterer.mapping.neighbor_graph import join_neighbors

Report = Callable[[int, int], None]
_MIN_DISTANCE = 0.1
_SPREAD = 1.0
_SECONDS_BETWEEN_REPORTS = 0.2
# What umap-learn takes from it; the neighbours are found in neighbor_graph.
_NAMES_OF_PYNNDESCENT = {
    "pynndescent": ("NNDescent",),
    "pynndescent.distances": ("named_distances",),
    "pynndescent.sparse": ("sparse_named_distances",),
}


def lay_out(graph: csr_array, start: NDArray[np.float32], seed: int, report: Report) -> NDArray[np.float32]:
    """Moves members so that those joined in the graph lie close together, and others apart.

    Args:
        graph: float32, shape (n_members, n_members), symmetric, 0 to 1.
        start: float32, shape (n_members, 2): where the members lie first.
        seed: Seed of all chance: equal arguments give equal results on one kind of processor.
        report: Told the rounds done and the rounds in all.

    Returns:
        float32, shape (n_members, 2).
    """
    from umap.umap_ import (  # noqa: PLC0415
        find_ab_params,
        simplicial_set_embedding,
    )

    a, b = find_ab_params(_SPREAD, _MIN_DISTANCE)
    places, _ = simplicial_set_embedding(
        data=None,
        graph=graph,
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=None,
        init=start,
        random_state=np.random.RandomState(seed),
        metric="euclidean",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        tqdm_kwds={
            "disable": False,
            "file": _Rounds(report),
            "mininterval": _SECONDS_BETWEEN_REPORTS,
            "bar_format": "{n} {total}",
        },
    )
    return np.asarray(places, dtype=np.float32)


class _Rounds(io.StringIO):
    """A file for tqdm that hands its two numbers on."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report

    def write(self, text: str) -> int:
        """Takes one line of progress, or what tqdm writes to move the cursor."""
        numbers = text.split()
        if len(numbers) == 2:
            self._report(int(numbers[0]), int(numbers[1]))
        return len(text)


def main() -> None:
    """Serves the channel named by the first argument until its other end is closed.

    Sends ``(0, 0, None)`` whenever it is ready. Answers each ``(None, (vectors, start, seed))`` with any
    number of ``(rounds done, rounds in all, None)`` and then ``(0, 0, places)``, and each
    ``(function, arguments)`` with ``(0, 0, what the function returns)``.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from a terminal it reaches the whole group
    _leave_out_what_is_not_used()
    channel: Connection[Any, Any] = Connection(int(sys.argv[1]))
    try:
        _compile()
        while True:
            channel.send((0, 0, None))
            function, arguments = channel.recv()
            with threadpool_limits(1):  # the same bits with any number of threads
                answer = function(*arguments) if function else _map(channel, *arguments)
            channel.send((0, 0, answer))
            del arguments, answer
    except (EOFError, ConnectionError):
        return


def _map(
    channel: "Connection[Any, Any]", vectors: NDArray[np.float32], start: NDArray[np.float32], seed: int
) -> NDArray[np.float32]:
    graph = join_neighbors(vectors, lambda: None)
    return lay_out(graph, start, seed, lambda *done: channel.send((*done, None)))


def _leave_out_what_is_not_used() -> None:
    """Has umap-learn do without three modules that it imports for parts that are not used here.

    TensorFlow takes seconds to start, pandas, which scikit-learn takes if it is there, most of a second, and
    Numba compiles PyNNDescent at its import for about half a minute.
    """
    for missing in ("tensorflow", "pandas"):
        sys.modules[missing] = None  # type: ignore[assignment]
    for name, names in _NAMES_OF_PYNNDESCENT.items():
        module = ModuleType(name)
        vars(module).update({each: {} for each in names})
        sys.modules[name] = module


def _compile() -> None:
    """Has Numba compile before there is work, or load what an earlier process has compiled."""
    with kept_imports():
        from umap import layouts  # noqa: PLC0415

    # Else umap-learn compiles this one in each process anew: more than a second of processor time.
    layouts._nb_optimize_layout_euclidean_single_epoch.enable_caching()
    graph = csr_array(np.ones((4, 4), dtype=np.float32) - np.eye(4, dtype=np.float32))
    lay_out(graph, np.eye(4, 2, dtype=np.float32), 0, lambda done, total: None)


if __name__ == "__main__":
    main()
