"""What runs in a process that reads source files: one file after another, as it is asked for over a pipe.

Nothing that a damaged file does to its reader reaches the program: an error becomes an answer, and a crash,
an endless loop or a lack of memory ends this process alone.
"""

import contextlib
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from octcluster.images.headers import UnreadableImage, read_head
from octcluster.images.readers.encoding import encode
from octcluster.images.readers.messages import Answer, Begun, Done, Task
from octcluster.images.readers.reader import SourceFile
from octcluster.images.readers.registry import RegisteredReader, find_reader

MAX_MEGABYTES = 500
_ATTEMPTS_WITHOUT_A_SCAN = 3
_SECONDS_BETWEEN_LOOKS_AT_THE_PARENT = 1.0


def main() -> None:
    """Serves the pipe whose number is the only argument, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from a terminal it reaches all processes
    warnings.simplefilter("ignore")
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    with (
        Connection(int(sys.argv[1])) as pipe,
        contextlib.suppress(EOFError, BrokenPipeError, ConnectionError),
    ):
        while True:
            task = pipe.recv()
            for message in _serve(task):
                pipe.send(message)
            pipe.send(Done())


def _end_with_parent(parent: int) -> None:
    """Ends this process soon after the program has gone, also in the middle of a file."""
    while os.getppid() == parent:
        time.sleep(_SECONDS_BETWEEN_LOOKS_AT_THE_PARENT)
    os._exit(1)


def _serve(task: Task) -> Iterator[Answer | Begun]:
    try:
        registered = find_reader(task.path, read_head(task.path).data)
        if registered is None:
            raise UnreadableImage("the file was changed while it was being read: run again")
        registered.prepare()
    except UnreadableImage as error:
        yield from _refuse(task.numbers or (0,), error)
        return
    _limit_memory()
    yield Begun()
    if task.numbers:
        yield from _read(task, registered)
    else:
        yield Answer(_look(task.path, registered))


def _look(path: Path, registered: RegisteredReader) -> SourceFile | UnreadableImage:
    try:
        return registered.reader.look(path)
    except (Exception, SystemExit) as error:  # a library may raise anything about a damaged file
        return _explain(error, registered)


def _read(task: Task, registered: RegisteredReader) -> Iterator[Answer]:
    """Reads scan after scan; behind one that cannot be read, the reader begins anew."""
    left = list(task.numbers)
    fruitless = 0
    while left and fruitless < _ATTEMPTS_WITHOUT_A_SCAN:
        reason = UnreadableImage("the file ends before this scan: copy it again from its source")
        fruitless += 1
        try:
            for pixels in registered.reader.read(task.path, tuple(left)):
                value = task.use(encode(pixels))
                yield Answer(value, left.pop(0))
                fruitless = 0
        except (Exception, SystemExit) as error:  # see _look
            reason = _explain(error, registered)
        if left:
            yield Answer(reason, left.pop(0))
    yield from _refuse(left, reason) if left else ()


def _refuse(numbers: Sequence[int], reason: UnreadableImage) -> Iterator[Answer]:
    for number in numbers:
        yield Answer(reason, number)


def _explain(error: BaseException, registered: RegisteredReader) -> UnreadableImage:
    """The reason without the frames that it came from."""
    if isinstance(error, UnreadableImage):
        return UnreadableImage(str(error))
    if isinstance(error, ModuleNotFoundError):
        return registered.explain_missing(error)
    if isinstance(error, MemoryError):
        return UnreadableImage(
            f"reading it needs more than {MAX_MEGABYTES} MB of memory: the file is damaged, or export its "
            "B-scans as PNG"
        )
    return UnreadableImage(
        f"the {registered.reader.format} file is damaged, or of a kind that its reader does not know "
        f"({type(error).__name__}): export it again from its source, or export its B-scans as PNG"
    )


def _limit_memory() -> None:
    """Lets this process have MAX_MEGABYTES more than it has now, where the system can limit that."""
    with contextlib.suppress(ImportError, OSError, ValueError, KeyError):
        import resource  # noqa: PLC0415

        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        used = int(status["VmData"].split()[0]) << 10
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (used + (MAX_MEGABYTES << 20), hard))


if __name__ == "__main__":
    main()
