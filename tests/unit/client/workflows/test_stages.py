import time
from concurrent.futures import ThreadPoolExecutor

from octcluster.model.runs import RunState, RunStatus
from octcluster.workflows.stages import RunWatcher, Stages


class Recorder:
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def stage(self, name: str, total: int, unit: str) -> None:
        self.events.append((name, total, unit))

    def update(self, done: int, total: int) -> None:
        self.events.append((done, total))

    def message(self, text: str) -> None:
        self.events.append((text,))


def test_each_stage_is_seen_to_end_though_statuses_are_left_out() -> None:
    recorder = Recorder()
    watch = RunWatcher(Stages(recorder))
    watch(RunStatus("run", RunState.QUEUED))
    watch(RunStatus("run", RunState.RUNNING, "clustering", 3, 5))
    watch(RunStatus("run", RunState.RUNNING, "scoring", 100, 516))
    watch(RunStatus("run", RunState.SUCCEEDED))
    assert recorder.events == [
        ("Clustering", 5, "clusterings"),
        (3, 5),
        (5, 5),
        ("Scoring", 516, "images"),
        (100, 516),
        (516, 516),
    ]


def test_a_run_that_fails_is_not_shown_as_done() -> None:
    recorder = Recorder()
    watch = RunWatcher(Stages(recorder))
    watch(RunStatus("run", RunState.RUNNING, "clustering", 3, 5))
    watch(RunStatus("run", RunState.FAILED))
    assert recorder.events == [("Clustering", 5, "clusterings"), (3, 5)]


def test_threads_that_tell_something_take_turns() -> None:
    class Slow(Recorder):
        inside = overlaps = 0

        def message(self, text: str) -> None:
            self.overlaps += self.inside
            self.inside += 1
            time.sleep(0.05)
            self.inside -= 1
            super().message(text)

    recorder = Slow()
    stages = Stages(recorder)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(stages.message, ["away", "away", "busy", "busy"]))
    assert recorder.overlaps == 0
    assert sorted(recorder.events) == [("away",), ("busy",)]
