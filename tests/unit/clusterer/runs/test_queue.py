"""The queue of runs, with a real Valkey below it and small pipelines that do what a test needs."""

import gc
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pytest
from known import known
from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.engine.engine import LocalEngine
from octcluster_clusterer.errors import (
    InvalidRequest,
    QueueFull,
    RunNotFinished,
    RunNotFound,
    ServerStopping,
    StoreUnavailable,
)
from octcluster_clusterer.memory import MemoryAllowance
from octcluster_clusterer.metrics import Metrics
from octcluster_clusterer.model import (
    Algorithm,
    ClusteringResult,
    Members,
    Preparation,
    Report,
    RunSpec,
    Score,
    Scores,
    Stage,
    VectorSpace,
)
from octcluster_clusterer.runs import queue as run_queue
from octcluster_clusterer.runs.execution import Pipeline
from octcluster_clusterer.runs.live_run import LiveRun, forget_ended
from octcluster_clusterer.runs.memory_estimate import estimate_run_bytes
from octcluster_clusterer.runs.queue import RunQueue
from octcluster_clusterer.runs.records import RunErrorCode, RunResult, RunState, RunStatus
from octcluster_clusterer.runs.run_store import RunStore
from octcluster_clusterer.store.redis import RedisStore
from octcluster_clusterer.store.redis_vectors import RedisVectors
from octcluster_clusterer.trust.duplicates import Duplicates
from stores import Store, started_store

pytestmark = pytest.mark.heavy

SPACE = VectorSpace(b"\x01" * 32, 16)
PLENTY = MemoryAllowance(2**30, 0)
N_MEMBERS = 50
UNDEFINED = Score(undefined_reason="not looked at")


def tell_sign(blocks: Blocks, members: Members, spec: RunSpec, report: Report) -> RunResult:
    """A pipeline: clusters members by the sign of their first value."""
    report(Stage.CLUSTERING, 0, 1)
    vectors = blocks.bring(lambda: None)
    result = ClusteringResult(
        algorithm=Algorithm.KMEANS,
        requested_clusters=2,
        labels=(vectors[:, 0] < 0).astype(np.int32),
        silhouettes=np.zeros(len(vectors), dtype=np.float32),
        scores=Scores(*[UNDEFINED] * 10),
        contingency=None,
        seconds=0.1,
        distances=np.zeros(len(vectors), dtype=np.float32),
        class_of_cluster=np.empty(0, dtype=np.int32),
    )
    coordinates = vectors[:, :2].copy()
    times = {Stage.CLUSTERING: 0.1}
    none = Duplicates([], 0, 0.95)
    return RunResult([result], 0, "the only one", coordinates, 16, 16, np.ones(1), none, times)


class Gate:
    """A pipeline that waits until it is opened or the run is cancelled."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, blocks: Blocks, members: Members, spec: RunSpec, report: Report) -> RunResult:
        self.entered.set()
        while not self.opened.wait(0.01):
            report(Stage.CLUSTERING, 0, 1)
        return tell_sign(blocks, members, spec, report)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with started_store("valkey") as running:
        yield running


@pytest.fixture(scope="module")
def members(store: Store) -> Members:
    values = np.random.default_rng(0).normal(size=(N_MEMBERS, SPACE.dimension)).astype("<f4")
    keys = [os.urandom(32) for _ in values]
    RedisVectors(RedisStore(store.url)).put(
        SPACE, [(key, row.tobytes()) for key, row in zip(keys, values, strict=True)]
    )
    return Members(np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, 32), None)


MakeQueue = Callable[..., RunQueue]


@pytest.fixture
def make_queue(store: Store) -> Iterator[MakeQueue]:
    queues = []

    def make(
        pipeline: Pipeline = tell_sign,
        max_queued_runs: int = 2,
        url: str = store.url,
        memory: MemoryAllowance = PLENTY,
    ) -> RunQueue:
        redis_store = RedisStore(url, timeout_seconds=30)
        queues.append(
            RunQueue(
                LocalEngine(RedisVectors(redis_store)),
                RunStore(redis_store, 60),
                pipeline,
                max_queued_runs,
                memory,
                Metrics(),
            )
        )
        return queues[-1]

    yield make
    for queue in queues:
        queue.stop(0)


def new_spec(**changes: Any) -> RunSpec:
    spec = RunSpec(os.urandom(16).hex(), SPACE, Preparation(), [Algorithm.KMEANS], 2, 2, seed=0)
    return replace(spec, **changes)


def wait_until(run_id: str, queue: RunQueue, *states: RunState) -> RunStatus:
    deadline = time.monotonic() + 30
    while (status := queue.status(run_id)).state not in states:
        assert time.monotonic() < deadline, status
        time.sleep(0.01)
    return status


def finish(queue: RunQueue, spec: RunSpec, members: Members) -> RunStatus:
    queue.start(spec, members)
    return wait_until(spec.run_id, queue, RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)


def test_a_run_succeeds(make_queue: MakeQueue, members: Members) -> None:
    queue, spec = make_queue(), new_spec()
    began = datetime.now(UTC)
    first = queue.start(spec, members)
    assert (first.state, first.n_members, first.queue_position) == (RunState.QUEUED, N_MEMBERS, 0)
    last = wait_until(spec.run_id, queue, RunState.SUCCEEDED)
    assert last.started is not None
    assert last.finished is not None
    assert began <= last.created <= last.started <= last.finished <= datetime.now(UTC)
    assert last.stage is None
    record = queue.finished_record(spec.run_id)
    assert record.result is not None
    np.testing.assert_array_equal(record.image_keys, members.image_keys)
    np.testing.assert_array_equal(record.result.results[0].labels, record.result.coordinates[:, 0] < 0)
    assert list(record.result.stage_seconds) == [Stage.LOADING, Stage.CLUSTERING]


def test_members_may_repeat_and_keep_their_order(make_queue: MakeQueue, members: Members) -> None:
    queue, spec = make_queue(), new_spec()
    twice = Members(np.concatenate([members.image_keys, members.image_keys[::-1]]), None)
    assert finish(queue, spec, twice).state is RunState.SUCCEEDED
    labels = known(queue.finished_record(spec.run_id).result).results[0].labels
    np.testing.assert_array_equal(labels[:N_MEMBERS], labels[N_MEMBERS:][::-1])
    assert set(labels) == {0, 1}


def test_a_finished_run_outlives_the_queue(make_queue: MakeQueue, members: Members) -> None:
    spec = new_spec()
    queue = make_queue()
    status = finish(queue, spec, members)
    queue.stop(1)
    successor = make_queue()
    assert successor.status(spec.run_id) == status
    found, kept = (known(one.finished_record(spec.run_id).result) for one in (successor, queue))
    np.testing.assert_array_equal(found.results[0].labels, kept.results[0].labels)
    assert status in successor.list_statuses()
    assert successor.start(spec, members) == status, "starting it again must not run it again"


def test_the_same_start_again_changes_nothing(make_queue: MakeQueue, members: Members) -> None:
    gate = Gate()
    queue, spec = make_queue(gate), new_spec()
    queue.start(spec, members)
    assert gate.entered.wait(30)
    assert queue.start(spec, members).state is RunState.RUNNING
    assert len([status for status in queue.list_statuses() if status.run_id == spec.run_id]) == 1
    gate.opened.set()
    done = wait_until(spec.run_id, queue, RunState.SUCCEEDED)
    assert queue.start(spec, members) == done


@pytest.mark.parametrize("change", ["spec", "members", "classes"])
def test_another_run_under_the_same_id_is_refused(
    make_queue: MakeQueue, members: Members, change: str
) -> None:
    queue, spec = make_queue(), new_spec()
    finish(queue, spec, members)
    other_spec = replace(spec, seed=1) if change == "spec" else spec
    others = {
        "spec": members,
        "members": Members(members.image_keys[::-1], None),
        "classes": Members(members.image_keys, np.zeros(N_MEMBERS, dtype=np.int32)),
    }[change]
    with pytest.raises(InvalidRequest, match="another run has this run_id"):
        queue.start(other_spec, others)


def test_a_spec_that_does_not_fit_is_refused_at_once(make_queue: MakeQueue, members: Members) -> None:
    with pytest.raises(InvalidRequest):
        make_queue().start(new_spec(min_clusters=2, max_clusters=N_MEMBERS + 1), members)


def test_a_run_too_large_for_the_memory_allowed_is_refused(make_queue: MakeQueue, members: Members) -> None:
    n_bytes = estimate_run_bytes(new_spec(), N_MEMBERS)
    with pytest.raises(InvalidRequest, match=r"needs about .* GiB .* are allowed \(--memory-limit"):
        make_queue(memory=MemoryAllowance(n_bytes + 99, 100)).start(new_spec(), members)
    queue = make_queue(memory=MemoryAllowance(n_bytes + 100, 100))
    assert finish(queue, new_spec(), members).state is RunState.SUCCEEDED


def test_runs_wait_in_line_and_the_line_is_bounded(make_queue: MakeQueue, members: Members) -> None:
    gate = Gate()
    queue = make_queue(gate, max_queued_runs=2)
    specs = [new_spec() for _ in range(4)]
    queue.start(specs[0], members)
    assert gate.entered.wait(30)
    assert queue.start(specs[1], members).queue_position == 1
    assert queue.start(specs[2], members).queue_position == 2
    with pytest.raises(QueueFull, match="2 runs are in the queue"):
        queue.start(specs[3], members)
    listed = [status.run_id for status in queue.list_statuses()]
    assert listed[:3] == [spec.run_id for spec in specs[2::-1]], "newest first"
    gate.opened.set()
    done = [wait_until(spec.run_id, queue, RunState.SUCCEEDED) for spec in specs[:3]]
    finished = [known(status.finished) for status in done]
    assert finished == sorted(finished)


def test_a_waiting_run_is_cancelled_at_once(make_queue: MakeQueue, members: Members) -> None:
    gate = Gate()
    queue, running, waiting, last = make_queue(gate), new_spec(), new_spec(), new_spec()
    queue.start(running, members)
    assert gate.entered.wait(30)
    queue.start(waiting, members)
    queue.start(last, members)
    assert queue.cancel(waiting.run_id).state is RunState.CANCELLED
    assert queue.status(last.run_id).queue_position == 1, "the others move up"
    with pytest.raises(RunNotFinished, match="cancelled"):
        queue.finished_record(waiting.run_id)
    gate.opened.set()
    wait_until(last.run_id, queue, RunState.SUCCEEDED)
    assert queue.cancel(last.run_id).state is RunState.SUCCEEDED, "cancelling what has ended changes nothing"
    assert queue.status(waiting.run_id).state is RunState.CANCELLED


@pytest.mark.parametrize("leave", ["cancel", "stop"])
def test_a_run_that_leaves_the_line_can_be_asked_for(
    make_queue: MakeQueue, members: Members, monkeypatch: pytest.MonkeyPatch, leave: str
) -> None:
    gate = Gate()
    queue, running, waiting = make_queue(gate), new_spec(), new_spec()
    queue.start(running, members)
    assert gate.entered.wait(30)
    queue.start(waiting, members)
    end, seen = queue._end, []

    def ask() -> None:
        seen.append(queue.status(waiting.run_id).state)

    def end_slowly(run: LiveRun, status: RunStatus) -> None:
        asking = threading.Thread(target=ask)
        if status.run_id == waiting.run_id:
            asking.start()
            asking.join(0.2)
        end(run, status)

    monkeypatch.setattr(queue, "_end", end_slowly)
    if leave == "cancel":
        queue.cancel(waiting.run_id)
    else:
        queue.stop(0)
    deadline = time.monotonic() + 30
    while not seen:
        assert time.monotonic() < deadline, "the status call failed"
        time.sleep(0.01)
    assert seen[0].ended


def test_a_running_run_is_cancelled_soon(make_queue: MakeQueue, members: Members) -> None:
    gate = Gate()
    queue, spec, following = make_queue(gate), new_spec(), new_spec()
    queue.start(spec, members)
    assert gate.entered.wait(30)
    queue.cancel(spec.run_id)
    assert wait_until(spec.run_id, queue, RunState.CANCELLED).error is None
    gate.opened.set()
    assert finish(queue, following, members).state is RunState.SUCCEEDED, "the worker goes on"


def test_a_deleted_run_is_gone_everywhere(make_queue: MakeQueue, members: Members) -> None:
    gate = Gate()
    gate.opened.set()
    queue, ended, running = make_queue(gate), new_spec(), new_spec()
    finish(queue, ended, members)
    gate.opened.clear()
    gate.entered.clear()
    queue.start(running, members)
    assert gate.entered.wait(30)
    for spec in (ended, running):
        queue.delete(spec.run_id)
        queue.delete(spec.run_id)  # again: harmless
    following = new_spec()
    gate.opened.set()
    finish(queue, following, members)  # so the deleted one has left the worker
    for one in (queue, make_queue()):
        listed = {status.run_id for status in one.list_statuses()}
        assert following.run_id in listed
        for spec in (ended, running):
            assert spec.run_id not in listed
            with pytest.raises(RunNotFound):
                one.status(spec.run_id)


def test_unknown_runs_are_not_found(make_queue: MakeQueue) -> None:
    queue = make_queue()
    for method in (queue.status, queue.record, queue.finished_record, queue.cancel):
        with pytest.raises(RunNotFound, match="no run has this id"):
            method("0" * 32)
    queue.delete("0" * 32)


def test_missing_vectors_fail_the_run_with_their_number(make_queue: MakeQueue, members: Members) -> None:
    queue, spec = make_queue(), new_spec()
    keys = members.image_keys.copy()
    keys[:7] = np.frombuffer(os.urandom(7 * 32), dtype=np.uint8).reshape(7, 32)
    status = finish(queue, spec, Members(keys, None))
    assert status.state is RunState.FAILED
    assert known(status.error).code is RunErrorCode.VECTORS_MISSING
    assert known(status.error).message.startswith("7 of 50 members")
    with pytest.raises(RunNotFinished, match="failed"):
        queue.finished_record(spec.run_id)
    queue.stop(30)  # a failure is told before it is saved
    assert make_queue().status(spec.run_id) == status, "why it failed is known after a restart, too"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InvalidRequest("too many clusters"), RunErrorCode.INVALID, "too many clusters"),
        (MemoryError(), RunErrorCode.INVALID, "does not fit into the server's memory"),
        (StoreUnavailable("gone"), RunErrorCode.STORE_UNAVAILABLE, "gone"),
        (ValueError("/secret/path"), RunErrorCode.INTERNAL, "the server failed"),
    ],
)
def test_failures_are_told_by_code(
    make_queue: MakeQueue,
    members: Members,
    error: Exception,
    code: RunErrorCode,
    message: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(blocks: Blocks, members: Members, spec: RunSpec, report: Report) -> RunResult:
        raise error

    status = finish(make_queue(fail), new_spec(), members)
    assert status.state is RunState.FAILED
    assert known(status.error).code is code
    assert message in known(status.error).message
    assert "/secret" not in known(status.error).message
    assert ("internal error: ValueError:\n" in caplog.text) == (code is RunErrorCode.INTERNAL)
    assert "/secret" not in caplog.text, "an unexpected error's message may quote what a client sent"


def test_a_result_outlives_a_store_that_is_away_when_it_is_saved(make_queue: MakeQueue) -> None:
    with started_store("valkey") as store:
        key = os.urandom(32)
        RedisVectors(RedisStore(store.url)).put(SPACE, [(key, np.ones(16, "<f4").tobytes())])
        member = Members(np.frombuffer(key * 2, dtype=np.uint8).reshape(-1, 32), None)
        gate = Gate()
        queue, spec = make_queue(gate, url=store.url), new_spec()
        queue.start(spec, member)
        assert gate.entered.wait(30)
        store.stop()
        gate.opened.set()
        assert wait_until(spec.run_id, queue, RunState.SUCCEEDED).error is None
        told = queue.status(spec.run_id).not_kept_reason
        assert told.startswith("only the memory of the clusterer has the run")
        assert "check that Redis runs" in told
        assert len(queue.finished_record(spec.run_id).image_keys) == 2
        with pytest.raises(StoreUnavailable):
            queue.start(new_spec(), member)
        with pytest.raises(StoreUnavailable):
            queue.list_statuses()


def test_a_run_whose_server_was_killed_is_told_as_interrupted(
    make_queue: MakeQueue, members: Members, store: Store
) -> None:
    gate = Gate()
    killed, running, waiting = make_queue(gate), new_spec(), new_spec()
    killed.start(running, members)
    assert gate.entered.wait(30)
    killed.start(waiting, members)

    # Another server on the same Redis knows what one knows that is started after a kill.
    restarted = make_queue()
    for spec in (running, waiting):
        status = restarted.status(spec.run_id)
        assert (status.state, known(status.error).code) == (RunState.FAILED, RunErrorCode.INTERRUPTED)
        assert "the run was started" in known(status.error).message
        assert status.n_members == N_MEMBERS
        assert restarted.cancel(spec.run_id).state is RunState.FAILED
        with pytest.raises(RunNotFinished):
            restarted.finished_record(spec.run_id)
    listed = {one.run_id: one for one in restarted.list_statuses()}
    assert known(listed[waiting.run_id].error).code is RunErrorCode.INTERRUPTED
    with pytest.raises(InvalidRequest, match="another run has this run_id"):
        restarted.start(replace(waiting, seed=7), members)

    # Who asks for it again gets it, and an end is not undone by the note of the start.
    restarted.start(waiting, members)
    assert wait_until(waiting.run_id, restarted, RunState.SUCCEEDED).not_kept_reason == ""
    assert make_queue().status(waiting.run_id).state is RunState.SUCCEEDED
    killed.stop(0)


def test_the_end_of_a_run_is_not_undone_by_the_note_of_its_start(
    make_queue: MakeQueue, members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = LiveRun.save
    ended = threading.Event()

    def save_start_late(run: LiveRun, store: RunStore, status: RunStatus) -> str:
        if status.state is RunState.QUEUED:
            assert ended.wait(30)
            return save(run, store, status)
        told = save(run, store, status)
        ended.set()
        return told

    monkeypatch.setattr(LiveRun, "save", save_start_late)
    queue, spec = make_queue(), new_spec()
    queue.start(spec, members)
    assert make_queue().status(spec.run_id).state is RunState.SUCCEEDED


def test_runs_that_redis_could_not_take_are_saved_when_it_is_back(
    make_queue: MakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_queue, "_SAVE_AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(run_queue, "_REMEMBERED_RUNS", 1)
    with started_store("valkey") as store:
        vectors = RedisVectors(RedisStore(store.url))
        key = os.urandom(32)
        vectors.put(SPACE, [(key, np.ones(16, "<f4").tobytes())])
        member = Members(np.frombuffer(key * 2, dtype=np.uint8).reshape(-1, 32), None)
        gate = Gate()
        queue, spec = make_queue(gate, url=store.url), new_spec()
        queue.start(spec, member)
        assert gate.entered.wait(30)
        store.stop()
        gate.opened.set()
        assert wait_until(spec.run_id, queue, RunState.SUCCEEDED).not_kept_reason
        store.start()
        vectors.put(SPACE, [(key, np.ones(16, "<f4").tobytes())])
        deadline = time.monotonic() + 30
        while queue.status(spec.run_id).not_kept_reason:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        for _ in range(2):
            assert finish(queue, new_spec(), member).state is RunState.SUCCEEDED
        assert spec.run_id not in queue._runs
        assert known(queue.finished_record(spec.run_id).result).results


def test_runs_that_only_memory_has_are_not_forgotten_for_others() -> None:
    def ended(only_here: bool) -> LiveRun:
        spec = new_spec()
        status = RunStatus(spec.run_id, RunState.SUCCEEDED, 1, created=datetime.now(UTC))
        return LiveRun(spec, Members(np.empty((0, 32), np.uint8), None), "", status, only_here=only_here)

    runs = [ended(only_here=number < 3) for number in range(12)]
    held = {run.spec.run_id: run for run in runs}
    forget_ended(held, 2)
    assert list(held.values()) == [*runs[:3], *runs[-2:]]


def test_the_worker_survives_a_result_that_cannot_be_saved(
    make_queue: MakeQueue, members: Members, caplog: pytest.LogCaptureFixture
) -> None:
    def return_unfit(blocks: Blocks, members: Members, spec: RunSpec, report: Report) -> RunResult:
        result = tell_sign(blocks, members, spec, report)
        return result if spec.seed else replace(result, chosen_reason=cast("str", object()))

    queue, unfit, following = make_queue(return_unfit), new_spec(), new_spec(seed=1)
    assert finish(queue, unfit, members).state is RunState.SUCCEEDED
    assert queue.finished_record(unfit.run_id).result is not None, "kept in memory"
    assert "kept in memory only: PydanticSerializationError" in caplog.text
    assert finish(queue, following, members).state is RunState.SUCCEEDED


def test_memory_keeps_few_ended_runs_and_redis_the_rest(make_queue: MakeQueue, members: Members) -> None:
    queue = make_queue()
    specs = [new_spec() for _ in range(12)]
    for spec in specs:
        finish(queue, spec, members)
    assert len(queue._runs) == 8
    assert queue.finished_record(specs[0].run_id).result is not None


def test_vectors_are_freed_before_success_is_told(make_queue: MakeQueue, members: Members) -> None:
    alive: list[Any] = []

    def watch(blocks: Blocks, members: Members, spec: RunSpec, report: Report) -> RunResult:
        alive.append(weakref.ref(blocks.matrix))
        result = tell_sign(blocks, members, spec, report)
        blocks.close()
        alive.append(alive[0]())  # what the queue itself still holds while the pipeline is at work
        return result

    gc.disable()
    try:
        assert finish(make_queue(watch), new_spec(), members).state is RunState.SUCCEEDED
        assert alive[1] is None, "the pipeline cannot free the vectors: somebody else holds them"
        assert alive[0]() is None
    finally:
        gc.enable()


def test_stopping_lets_the_run_at_work_finish(make_queue: MakeQueue, members: Members) -> None:
    gate = Gate()
    queue, running, waiting = make_queue(gate), new_spec(), new_spec()
    queue.start(running, members)
    assert gate.entered.wait(30)
    queue.start(waiting, members)
    threading.Timer(0.3, gate.opened.set).start()
    queue.stop(10)
    assert queue.status(running.run_id).state is RunState.SUCCEEDED
    for one in (queue, make_queue()):
        stopped = one.status(waiting.run_id)
        assert stopped.state is RunState.FAILED
        assert "the server was stopped" in known(stopped.error).message
    with pytest.raises(ServerStopping):
        queue.start(new_spec(), members)


def test_stopping_stops_a_run_that_takes_too_long(make_queue: MakeQueue, members: Members) -> None:
    gate = Gate()
    queue, spec = make_queue(gate), new_spec()
    queue.start(spec, members)
    assert gate.entered.wait(30)
    queue.stop(0.2)
    assert not queue._worker.is_alive(), "it has ended, and was not given up"
    assert queue.status(spec.run_id).state is RunState.FAILED
    assert "the server was stopped" in known(queue.status(spec.run_id).error).message


def test_stopping_a_run_that_ends_at_that_moment(
    make_queue: MakeQueue, members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    queue, spec = make_queue(gate), new_spec()
    queue.start(spec, members)
    assert gate.entered.wait(30)

    def end_first(*_: object) -> None:
        gate.opened.set()
        queue._worker.join(30)

    monkeypatch.setattr(run_queue.logger, "warning", end_first)
    queue.stop(0)
    assert not queue._worker.is_alive()
    assert queue.status(spec.run_id).state is RunState.SUCCEEDED


def test_stopping_saves_the_end_of_a_run_that_does_not_notice(
    make_queue: MakeQueue, members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_queue, "_STOP_SECONDS", 0.1)
    entered, opened = threading.Event(), threading.Event()

    def hang(blocks: Blocks, members: Members, spec: RunSpec, report: Report) -> RunResult:
        entered.set()
        opened.wait(30)
        return tell_sign(blocks, members, spec, report)

    queue, spec = make_queue(hang), new_spec()
    queue.start(spec, members)
    assert entered.wait(30)
    try:
        queue.stop(0.1)
        status = make_queue().status(spec.run_id)
        assert status.state is RunState.FAILED
        assert "the server was stopped" in known(status.error).message
    finally:
        opened.set()
