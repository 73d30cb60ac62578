"""The trial that nothing is lost: senders push while gateway, embedder and store end and come back.

A test has a small one (``test_kills.py``), and ``benchmarks/gateway_losses.py`` one of any size.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_files import PIXELS
from dicom_senders import read_acknowledged, sop_instance, start_storescu, write_object, write_objects
from gateways import Gateway
from octcluster_gateway.model import State
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from octcluster_gateway.spool.index import Index
from processes import running_server
from stores import Store
from waiting import wait_until

if TYPE_CHECKING:
    import subprocess

_UNREADABLE_EACH = 60
_LONGEST_SECONDS = 1800.0
_LONGEST_PAUSE_SECONDS = 0.5
_FILE_BEGIN = "I: Sending file: "


@dataclass(frozen=True)
class TrialOptions:
    """What a trial does.

    Attributes:
        senders: Number of senders at a time.
        kills: How often the gateway is killed.
        away_seconds: Shortest time for which the embedder is away; a third of the objects comes meanwhile.
        seed: Of all that is drawn.
    """

    senders: int
    kills: int
    away_seconds: float
    seed: int


@dataclass(frozen=True)
class Account:
    """What became of the objects.

    Attributes:
        acknowledged: Number of objects that a sender was told are kept.
        results: Number of those with a result.
        quarantined: Number of those in quarantine.
        broken: What was promised and did not hold, for people; none: all held.
    """

    acknowledged: int
    results: int
    quarantined: int
    broken: Sequence[str]


class MortalEmbedder:
    """An embedder that may be taken away, and comes back at the same address."""

    def __init__(self, address: str, cache: Path) -> None:
        self.address = address
        self._arguments = ("--cache-dir", str(cache), "--models", "pixels")
        self._stack = ExitStack()

    def start(self) -> None:
        self._stack.enter_context(running_server("octcluster_embedder", self.address, *self._arguments))

    def stop(self) -> None:
        self._stack.close()


class _Sender:
    """One sender that goes on with what was not acknowledged, until all is."""

    def __init__(self, port: int, files: Sequence[Path], log: Path) -> None:
        self._port = port
        self._left = {str(file): None for file in files}
        self._log = log
        self._read = 0
        self._begun = ""
        self._running: subprocess.Popen[bytes] | None = None
        self.acknowledged: set[str] = set()

    def drive(self) -> None:
        """Reads what was acknowledged since, and starts the program again if it has ended too early."""
        ended = self._running is None or self._running.poll() is not None
        self._follow()
        if ended and self._left:
            self._running = start_storescu(self._port, [*map(Path, self._left)], self._log)

    def stop(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()

    def _follow(self) -> None:
        if not self._log.exists():
            return
        with self._log.open("rb") as log:
            log.seek(self._read)
            new = log.read()
        self._read += len(new)
        text = self._begun + new.decode(errors="replace")
        # What is said of the last file may go on.
        self._begun = text[max(0, text.rfind(_FILE_BEGIN)) :]
        for file in read_acknowledged(text):
            self.acknowledged.add(file)
            self._left.pop(file, None)


class Senders:
    """Several senders, among which the files are divided."""

    def __init__(self, port: int, files: Sequence[Path], logs: Path, count: int) -> None:
        self._senders = [_Sender(port, files[start::count], logs / f"{start}.log") for start in range(count)]

    @property
    def acknowledged(self) -> set[str]:
        return set().union(*(sender.acknowledged for sender in self._senders))

    def drive(self, goal: int) -> bool:
        """Keeps all senders at work; says whether so many objects are acknowledged."""
        for sender in self._senders:
            sender.drive()
        return self.count() >= goal

    def count(self) -> int:
        return sum(len(sender.acknowledged) for sender in self._senders)

    def stop(self) -> None:
        for sender in self._senders:
            sender.stop()


def write_trial_objects(folder: Path, count: int) -> list[Path]:
    """Writes small objects, of which some have too few pixels: they end in quarantine."""
    files = write_objects(folder, count)
    for number in range(_UNREADABLE_EACH, count + 1, _UNREADABLE_EACH):
        write_object(folder / f"{number}.dcm", number, {PIXELS: ("OB", bytes(10))})
    return files


def run_trial(
    gateway: Gateway, files: Sequence[Path], embedder: MortalEmbedder, store: Store, options: TrialOptions
) -> Account:
    """Has senders push all files, and takes away what there is, again and again.

    Args:
        gateway: It serves.
        files: Of ``write_trial_objects``.
        embedder: The gateway's; it serves.
        store: The one that the gateway's clusterer works on. It comes back empty.
        options: How often.
    """
    chance = random.Random(options.seed)
    logs = gateway.folder / "senders"
    logs.mkdir()
    senders = Senders(gateway.port, files, logs, options.senders)
    events: list[tuple[int, Callable[[], None]]] = [(len(files) // 2, partial(_restart, store))]
    for goal in chance.sample(range(1, len(files)), options.kills):
        events.append((goal, partial(_kill, gateway, chance)))
    with ThreadPoolExecutor(1) as pool:
        absence = pool.submit(_take_away, embedder, senders, len(files) // 3, options.away_seconds)
        try:
            for goal, happen in sorted(events, key=lambda event: event[0]):
                wait_until(partial(senders.drive, goal), _LONGEST_SECONDS)
                happen()
            wait_until(partial(senders.drive, len(files)), _LONGEST_SECONDS)
        finally:
            senders.stop()
        absence.result()
    gateway.wait_until_processed(_LONGEST_SECONDS)
    return take_account(gateway, [int(Path(file).stem) for file in senders.acknowledged])


def take_account(gateway: Gateway, acknowledged: Sequence[int]) -> Account:
    """Says what became of objects by their numbers, once the gateway has processed all."""
    index = Index(gateway.spool / "index.sqlite")
    states: dict[str, list[State]] = {}
    for state in State:
        for entry in index.list_state(state):
            states.setdefault(entry.instance.sop_instance, []).append(state)
    index.close()
    pseudonyms = Pseudonyms(gateway.secrets[0].read_bytes())
    lines = Counter(str(line["instance"]) for line in gateway.results())
    uids = {sop_instance(number) for number in acknowledged}
    broken = [f"{uid} was not acknowledged and is there" for uid in sorted(states.keys() - uids)]
    for uid in sorted(uids):
        found, count = states.get(uid, []), lines.pop(pseudonyms.instance(uid), 0)
        if (found, count) not in (([State.DONE], 1), ([State.QUARANTINED], 0)):
            broken.append(f"{uid} was acknowledged, has the states {found} and {count} results")
    broken += [f"there is a result of an unknown object: {name}" for name in lines]
    ends = Counter(state for uid in uids for state in states.get(uid, []))
    return Account(len(uids), ends[State.DONE], ends[State.QUARANTINED], broken)


def _kill(gateway: Gateway, chance: random.Random) -> None:
    time.sleep(chance.uniform(0, _LONGEST_PAUSE_SECONDS))
    gateway.kill()
    gateway.start()


def _restart(store: Store) -> None:
    store.stop()
    store.start()


def _take_away(embedder: MortalEmbedder, senders: Senders, third: int, seconds: float) -> None:
    """Takes the embedder away when a third of the objects is acknowledged, and brings it back at the next."""
    wait_until(lambda: senders.count() >= third, _LONGEST_SECONDS)
    embedder.stop()
    begin = time.monotonic()
    wait_until(lambda: senders.count() >= 2 * third and time.monotonic() - begin >= seconds, _LONGEST_SECONDS)
    embedder.start()
