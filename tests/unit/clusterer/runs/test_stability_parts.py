"""Parts that two processes share: the same bits as in one, also where the other process ends."""

from collections.abc import Callable, Iterator

import numpy as np
import psutil
import pytest
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import RunCancelled
from octcluster_clusterer.mapping.layout_client import LayoutClient
from octcluster_clusterer.mapping.mapper import Mapper
from octcluster_clusterer.model import Algorithm
from octcluster_clusterer.runs import stability_parts
from octcluster_clusterer.runs.stability_parts import PartClustering, cluster_part, cluster_parts
from waiting import wait_until

pytestmark = pytest.mark.heavy

N_PARTS = 6
HOW = PartClustering(Algorithm.UNEVEN_CONSENSUS, 3, 7, (4, 4))


def take(number: int) -> np.ndarray:
    """The vectors of a part: three blobs that lie one in the other."""
    random = np.random.default_rng(number)
    vectors = random.standard_normal((60, 8)) + 2 * (np.arange(60) % 3)[:, np.newaxis]
    centred: np.ndarray = (vectors - vectors.mean(axis=0)).astype(np.float32)
    return centred


def nothing(*_: object) -> None:
    pass


@pytest.fixture
def mapper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapper]:
    """A mapper with a map that is done."""
    monkeypatch.setattr(stability_parts, "count_threads", lambda: 2)
    with LayoutClient() as layouts:
        mapper = Mapper(layouts)
        vectors = MemoryBlocks(take(0))
        mapper.begin(vectors, take(0)[:, :2], 0, nothing)
        mapper.finish(vectors, nothing)
        yield mapper


def find_process_of_the_map() -> psutil.Process:
    (process,) = (one for one in psutil.Process().children() if "layout_process" in " ".join(one.cmdline()))
    return process


def cluster_after(taken: list[int], at_least: int) -> Callable[[np.ndarray, int], np.ndarray]:
    """Clusters a part here once so many were taken, by this process and the other one."""

    def cluster(vectors: np.ndarray, number: int) -> np.ndarray:
        wait_until(lambda: len(taken) >= at_least)
        return cluster_part(HOW, vectors, number)

    return cluster


def test_both_processes_cluster_parts_with_the_bits_of_one(mapper: Mapper) -> None:
    taken: list[int] = []
    here: list[int] = []

    def take_and_note(number: int) -> np.ndarray:
        taken.append(number)
        return take(number)

    def cluster_here(vectors: np.ndarray, number: int) -> np.ndarray:
        here.append(number)
        return cluster_after(taken, 3)(vectors, number)  # the other one has begun its second part

    found = cluster_parts(HOW, mapper, nothing, take_and_note, N_PARTS, cluster_here)
    assert sorted(taken) == list(range(N_PARTS))
    assert here[0] == 0
    assert N_PARTS - 1 not in here
    assert len(here) <= N_PARTS - 2
    for number, labels in enumerate(found):
        np.testing.assert_array_equal(labels, cluster_part(HOW, take(number), number))


def test_what_a_process_that_ends_has_begun_is_done_here(mapper: Mapper) -> None:
    taken: list[int] = []
    process = find_process_of_the_map()

    def take_and_kill(number: int) -> np.ndarray:
        taken.append(number)
        if number == N_PARTS - 1:
            process.kill()
        return take(number)

    found = cluster_parts(HOW, mapper, nothing, take_and_kill, N_PARTS, cluster_after(taken, 2))
    assert taken.count(N_PARTS - 1) == 2
    for number, labels in enumerate(found):
        np.testing.assert_array_equal(labels, cluster_part(HOW, take(number), number))


def test_a_run_can_be_cancelled_while_it_waits_for_the_other(mapper: Mapper) -> None:
    taken: list[int] = []
    process = find_process_of_the_map()

    def take_and_stop(number: int) -> np.ndarray:
        taken.append(number)
        if number == 1:
            process.suspend()
        return take(number)

    def cancel() -> None:
        raise RunCancelled

    with pytest.raises(RunCancelled):
        cluster_parts(HOW, mapper, cancel, take_and_stop, 2, cluster_after(taken, 2))


class UnwantedProcess(Mapper):
    """A mapper that nothing may be offered to."""

    def __init__(self) -> None:
        super().__init__(None)

    def offer(self, take_call: object) -> None:
        raise AssertionError


@pytest.mark.parametrize("reason", ["one processor", "large parts", "no map"])
def test_parts_stay_here(reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stability_parts, "count_threads", lambda: 1 if reason == "one processor" else 2)
    if reason == "large parts":
        monkeypatch.setattr(stability_parts, "MOST_SHARED_BYTES", HOW.estimate_bytes(take(0)) - 1)
    mapper = Mapper(None) if reason == "no map" else UnwantedProcess()
    here: list[int] = []

    def cluster_here(vectors: np.ndarray, number: int) -> np.ndarray:
        here.append(number)
        return cluster_part(HOW, vectors, number)

    cluster_parts(HOW, mapper, nothing, take, N_PARTS, cluster_here)
    assert here == list(range(N_PARTS))
