"""Work in threads: its progress, its errors, its end."""

import threading
from collections.abc import Callable

import pytest
from octcluster.explorer.jobs import Jobs
from octcluster.explorer.kept import Kept
from octcluster.explorer.told_errors import ErrorTeller
from octcluster.model.errors import (
    CacheDirectoryBusy,
    InvalidImageSet,
    NotThere,
    OctclusterError,
    ServerUnavailable,
)
from octcluster.model.progress import Progress
from waiting import wait_until


def make_jobs(on_error: Callable[[str], None] = lambda _: None, *, identified: bool = False) -> Jobs:
    return Jobs(ErrorTeller(on_error, identified=identified))


def test_a_job_tells_how_far_it_is_and_what_it_found() -> None:
    jobs, go_on = make_jobs(), threading.Event()

    def work(progress: Progress) -> int:
        progress.stage("Reading", 4, "images")
        progress.update(1, 4)
        go_on.wait(30)
        progress.stage("Starting", 0, "services")
        return 7

    number, job = jobs.start(work)
    wait_until(lambda: job.text == "Reading: 1 of 4")
    assert (jobs.find(number), job.fraction, job.done) == (job, 0.25, False)
    go_on.set()
    wait_until(lambda: job.done)
    assert (job.result, job.error, job.text) == (7, "", "Starting services")
    with pytest.raises(NotThere, match="there is no job 2"):
        jobs.find(2)
    jobs.close()


def test_what_names_files_is_told_at_the_machine_and_not_to_the_page() -> None:
    told: list[str] = []
    errors: list[Exception] = [
        InvalidImageSet("secret.png is damaged"),
        CacheDirectoryBusy("/home/secret/cache is in use"),
        OSError(13, "Permission denied", "/home/secret"),
        KeyError("secret"),
    ]
    for error in errors:
        teller = ErrorTeller(told.append, identified=False)
        assert "secret" not in teller.tell(error)
        assert "secret" in told.pop()
    named: list[OctclusterError] = [NotThere("image 3 is lost"), ServerUnavailable("the clusterer is away")]
    assert [ErrorTeller(told.append, identified=False).tell(error) for error in named] == list(
        map(str, named)
    )
    assert ErrorTeller(told.append, identified=True).tell(errors[0]) == "secret.png is damaged"
    assert told == []


def test_a_job_that_failed_is_told_once_and_then_done_again() -> None:
    jobs, attempts, kept, go_on = make_jobs(), [NotThere("not yet")], list[int](), threading.Event()

    def make(_: Progress) -> None:
        go_on.wait(30)
        if attempts:
            raise attempts.pop()
        kept.append(7)

    thing = Kept(jobs, lambda: kept[0] if kept else None, make)
    failed = thing.find()
    assert not isinstance(failed, int)
    go_on.set()
    wait_until(lambda: failed.done)
    assert thing.find() is failed
    assert failed.error == "not yet"
    wait_until(lambda: thing.find() == 7)
    jobs.close()


def test_a_job_ends_with_its_explorer() -> None:
    jobs, begun = make_jobs(), threading.Event()

    def work(progress: Progress) -> None:
        begun.set()
        while True:
            progress.update(0, 1)

    _, job = jobs.start(work)
    begun.wait(30)
    jobs.close()
    assert (job.done, job.error) == (True, "the explorer has ended")
