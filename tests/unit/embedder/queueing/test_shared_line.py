import threading
from concurrent.futures import ThreadPoolExecutor

from octcluster_embedder.queueing.scheduling import Caller
from octcluster_embedder.queueing.shared_line import SharedLine

BULK = Caller("bulk")
PERSON = Caller("person", interactive=True)


def take_all(line: SharedLine[int]) -> list[int]:
    found = []
    while (item := line.take()) is not None:
        found.append(item)
        line.end()
    return found


def test_as_many_threads_as_there_are_items_and_no_more_than_allowed() -> None:
    line: SharedLine[int] = SharedLine(n_threads=3)
    assert [line.push([number], BULK) for number in range(5)] == [1, 1, 1, 0, 0]
    assert line.n_waiting == 5


def test_a_thread_that_finds_nothing_has_ended_and_another_one_is_wanted() -> None:
    line: SharedLine[int] = SharedLine(n_threads=1)
    assert line.push([1, 2], BULK) == 1
    assert take_all(line) == [1, 2]
    assert line.push([3], BULK) == 1


def test_threads_that_could_not_be_started_are_wanted_again() -> None:
    line: SharedLine[int] = SharedLine(n_threads=2)
    assert line.push([1, 2], BULK) == 2
    line.give_up(2)
    assert line.push([3, 4], BULK) == 2


def test_whose_turn_it_is_is_decided_when_a_thread_is_free() -> None:
    line: SharedLine[int] = SharedLine(n_threads=1)
    line.push([1, 2, 3], BULK)
    assert line.take() == 1
    line.push([4], PERSON)
    assert take_all(line) == [4, 2, 3]


def test_what_is_taken_out_of_turn_is_not_taken_again() -> None:
    line: SharedLine[int] = SharedLine(n_threads=1)
    line.push([1000, 1001, 1002], BULK)
    first = line.take()
    line.remove([1000, 1001], BULK)
    assert first == 1000
    assert line.n_waiting == 1
    assert take_all(line) == [1002]


def test_what_is_in_work_comes_before_others_until_it_has_ended() -> None:
    line: SharedLine[int] = SharedLine(n_threads=2)
    assert line.count_before(BULK, 1) == 0
    line.push([1, 2], BULK)
    line.take()
    assert line.count_before(BULK, 1) == 2
    line.take()
    assert line.count_before(BULK, 1) == 2
    line.end()
    line.end()
    assert line.count_before(BULK, 1) == 0, "whoever has the answer finds the line empty"


def test_each_item_is_taken_once_while_threads_come_and_go() -> None:
    line: SharedLine[int] = SharedLine(n_threads=3)
    lock = threading.Lock()
    at_work, most_at_work = 0, 0
    found: list[int] = []

    def work() -> None:
        nonlocal at_work, most_at_work
        with lock:
            at_work += 1
            most_at_work = max(most_at_work, at_work)
        while True:
            # Before it is asked, as from then on another thread may be wanted.
            with lock:
                item = line.take()
                if item is None:
                    at_work -= 1
                    return
                found.append(item)
            line.end()

    with ThreadPoolExecutor(8) as threads:
        for start in range(0, 6000, 3):
            caller = PERSON if start % 2 else BULK
            with lock:
                n_more = line.push([start, start + 1, start + 2], caller)
            for _ in range(n_more):
                threads.submit(work)
    assert sorted(found) == list(range(6000))
    assert 1 <= most_at_work <= 3
    assert line.n_waiting == 0
