"""Beside a peer: Dask-ML's PCA and K-means on the same workers, scikit-learn's K-means out of core.

All on made vectors in Parquet (made_store.py), after the workers have started. Three pairs:

- ``pca``: 48 components of vectors of 3104 values, and the vectors' places along them, from the stored
  vectors; ours with the check of each vector. Ours is exact, and so is Dask-ML's with ``--solver full``; its
  randomized one is not, whatever the ``--powers``. Quality is the variance that the places hold.
- ``kmeans``: the same prepared vectors (48 whitened components of each part), the same number of clusters.
  Ours is the best of ten starts, Dask-ML's has one.
- ``minibatch``: scikit-learn's MiniBatchKMeans, which gets blocks from files by partial_fit and then
  predicts, beside our minibatch-kmeans.

Prints one JSON line: seconds and processor seconds (workers and this process) of each, inertia where there is
one, and ratios of ours to theirs. ``--rounds`` repeats each pair in turn and tells the medians.

Dask-ML is no dependency of this project. It goes into a folder of its own, beside the packages of .venv:

    .venv/bin/uv pip install --no-deps --target FOLDER dask-ml==2025.1.0 dask-glm multipledispatch sparse
    PYTHONPATH=FOLDER .venv/bin/python benchmarks/dask_peers.py [--vectors 84495] [--clusters 10]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import psutil
from dask_growth import add_store, open_store, read_work
from dask_ml.cluster import KMeans
from dask_ml.decomposition import PCA
from dask_runs import DaskParts, list_computing, started_parts
from distributed import Client, wait
from made_store import DIMENSIONS, SPACE, MadeStore, find_members
from numpy.typing import NDArray
from octcluster_clusterer.clustering import find_clusters
from octcluster_clusterer.engine.blocks import copy_block, find_bounds
from octcluster_clusterer.engine.dask_engine import DaskEngine
from octcluster_clusterer.engine.worker_tasks import Step, StoredRows, describe_installation, do_steps
from octcluster_clusterer.model import Algorithm, Preparation
from octcluster_clusterer.preparation.prepare import PreparedVectors, prepare
from octcluster_clusterer.store.opening import VectorPlace, open_vectors
from octcluster_clusterer.trust.patients import number_patients
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

PAIRS = ("pca", "kmeans", "minibatch")
COMPONENTS = 48
PLAIN = Preparation(l2_normalize=False, pca=COMPONENTS)
RECIPE = Preparation(
    pca=COMPONENTS, whiten=True, part_dimensions=DIMENSIONS, whiten_within_patients="auto",
    normalize_prepared=True,
)  # fmt: skip
Labels = NDArray[np.int32]


class Pair:
    """What both sides of a comparison took and found, round by round."""

    def __init__(self, count_seconds: Callable[[], float]) -> None:
        """``count_seconds``: processor seconds of all that takes part, so far."""
        self._count_seconds = count_seconds
        self._found: dict[str, list[dict[str, float]]] = {}

    def measure(self, side: str, work: Callable[[], Any], judge: Callable[[Any], dict[str, float]]) -> None:
        """Does the work of a side once; ``judge`` says how good the outcome is."""
        began, spent = time.monotonic(), self._count_seconds()
        outcome = work()
        costs = {
            "seconds": time.monotonic() - began,
            "processor_seconds": self._count_seconds() - spent,
        }
        self._found.setdefault(side, []).append(costs | judge(outcome))

    def summarize(self) -> dict[str, object]:
        """The medians of each side, and ours as a share of theirs."""
        medians = {
            side: {name: float(np.median([one[name] for one in rounds])) for name in rounds[0]}
            for side, rounds in self._found.items()
        }
        ours, theirs = medians["ours"], medians["theirs"]
        ratios = {name: round(ours[name] / theirs[name], 3) for name in ours}
        rounded = {
            side: {name: float(f"{value:.5g}") for name, value in found.items()}
            for side, found in medians.items()
        }
        return {**rounded, "ours_over_theirs": ratios}


class Contest:
    """Both sides on one store, and one set of workers."""

    def __init__(
        self, store: MadeStore, count: int, parts: DaskParts, client: Client, stack: ExitStack
    ) -> None:
        """The first ``count`` vectors of the store; ``stack`` closes what is opened."""
        self._parts, self._client, self._stack = parts, client, stack
        self._vectors = open_vectors(VectorPlace(store.url))
        self._members = find_members(count)[0]
        self._patients = number_patients(self._members.patient_indices, count)

    def count_seconds(self) -> float:
        """Processor seconds of this process and the workers."""
        processes = [one for worker in self._parts.workers for one in list_computing(worker.pid)]
        times = [process.cpu_times() for process in (psutil.Process(), *processes)]
        return sum(t.user + t.system + t.children_user + t.children_system for t in times)

    def prepare(self, preparation: Preparation) -> PreparedVectors:
        """Ours, from the stored vectors to prepared ones on the workers."""
        engine = DaskEngine(self._parts.place, self._vectors)
        blocks = engine.open(SPACE, self._members.image_keys, lambda *_: None)
        self._stack.callback(blocks.close)
        with threadpool_limits(1):  # as in a run
            return prepare(blocks, preparation, self._patients, 0, lambda *_: None)

    def find_components(self, solver: str, powers: int) -> Any:
        """Dask-ML's: a Dask array of the vectors' places, on the workers."""
        read, installation = dask.delayed(do_steps, pure=False), describe_installation()
        chunks = [
            da.from_delayed(
                read(StoredRows(SPACE, self._members.image_keys[rows]), installation, None, Step(copy_block))[
                    0
                ],
                (rows.stop - rows.start, SPACE.dimension),
                np.float32,
            )
            for rows in find_bounds(len(self._members))
        ]
        places = (
            PCA(COMPONENTS, svd_solver=solver, iterated_power=powers, random_state=0)
            .fit_transform(da.concatenate(chunks))
            .persist()
        )
        wait(places)
        return places

    def spread(self, vectors: NDArray[np.float32]) -> Any:
        """The same blocks as a Dask array on the workers."""
        blocks = [vectors[rows] for rows in find_bounds(len(vectors))]
        held = self._client.scatter(blocks)
        return da.concatenate(
            [
                da.from_delayed(dask.delayed(one), block.shape, block.dtype)
                for one, block in zip(held, blocks, strict=True)
            ]
        )


def nothing() -> None:
    """Reports no step."""


def find_inertia(vectors: NDArray[np.float32], labels: Labels) -> dict[str, float]:
    """The members' squared distances to the means of their clusters, in all."""
    labels = np.asarray(labels)
    total = 0.0
    for cluster in np.unique(labels):
        own = vectors[labels == cluster].astype(np.float64)
        total += float(np.square(own - own.mean(axis=0)).sum())
    return {"inertia": total}


def find_variance(places: Any) -> dict[str, float]:
    """The variance that the vectors' places along the components hold."""
    values = np.asarray(places, dtype=np.float64)
    return {"variance": float(values.var(axis=0).sum())}


def cluster(algorithm: Algorithm, prepared: PreparedVectors, n_clusters: int) -> Labels:
    """Ours."""
    parts = prepared.part_dimensions
    with threadpool_limits(1):  # as in a run
        return find_clusters(algorithm, prepared.blocks, n_clusters, 0, nothing, parts)


def cluster_out_of_core(files: Sequence[Path], n_clusters: int, epochs: int) -> Labels:
    """scikit-learn's, one block in memory; goes through all blocks so many times."""
    model = MiniBatchKMeans(n_clusters, random_state=0)
    for _ in range(epochs):
        for file in files:
            model.partial_fit(np.load(file))
    return np.concatenate([model.predict(np.load(file)) for file in files])


def compare(
    contest: Contest, options: argparse.Namespace, n_clusters: int, folder: Path
) -> dict[str, object]:
    """Does the pairs that were asked for in turn."""
    pairs = {name: Pair(contest.count_seconds) for name in options.pairs}
    prepared = contest.prepare(RECIPE)
    vectors = prepared.blocks.bring(nothing)
    spread, files = contest.spread(vectors), []
    for number, rows in enumerate(find_bounds(len(vectors))):
        files.append(folder / f"{number}.npy")
        np.save(files[-1], vectors[rows])
    judge = partial(find_inertia, vectors)
    jobs: dict[str, tuple[Callable[[], Any], Callable[[], Any], Callable[[Any], dict[str, float]]]] = {
        "pca": (
            lambda: contest.prepare(PLAIN).blocks,
            lambda: contest.find_components(options.solver, options.powers),
            lambda found: find_variance(found.bring(nothing) if hasattr(found, "bring") else found),
        ),
        "kmeans": (
            lambda: cluster(Algorithm.KMEANS, prepared, n_clusters),
            lambda: np.asarray(KMeans(n_clusters, random_state=0).fit(spread).labels_),
            judge,
        ),
        "minibatch": (
            lambda: cluster(Algorithm.MINIBATCH_KMEANS, prepared, n_clusters),
            lambda: cluster_out_of_core(files, n_clusters, options.epochs),
            judge,
        ),
    }
    for _ in range(options.rounds):
        for name, pair in pairs.items():
            ours, theirs, judge_pair = jobs[name]
            pair.measure("ours", ours, judge_pair)
            pair.measure("theirs", theirs, judge_pair)
    return {name: pair.summarize() for name, pair in pairs.items()}


def main() -> None:
    """Measures all and prints one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=84_495)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--powers", type=int, default=2, help="of Dask-ML's randomized PCA (default: 2)")
    parser.add_argument(
        "--pairs", nargs="+", choices=PAIRS, default=PAIRS, help="which to compare (default: all)"
    )
    parser.add_argument(
        "--solver",
        choices=("randomized", "full"),
        default="randomized",
        help="of Dask-ML's PCA; full is exact, as ours is (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs", type=int, default=1, help="of scikit-learn's MiniBatchKMeans (default: %(default)s)"
    )
    add_store(parser)
    parser.set_defaults(clusters="10")
    options = parser.parse_args()
    with ExitStack() as stack:
        store = open_store(options, options.vectors, stack)
        work = read_work(options, options.vectors, options.workers)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="oct-peers-")))
        parts = stack.enter_context(started_parts(store, work))
        client = stack.enter_context(Client(parts.place.address))
        contest = Contest(store, options.vectors, parts, client, stack)
        found = compare(contest, options, work.clusters[1], folder)
    line = {"question": "beside a peer", "vectors": options.vectors, "workers": options.workers}
    print(
        json.dumps(
            {
                **line,
                "clusters": work.clusters[1],
                "rounds": options.rounds,
                "solver": options.solver,
                "powers": options.powers,
                "epochs": options.epochs,
                **found,
            }
        )
    )


if __name__ == "__main__":
    main()
