"""Kills, stops, cuts off and starves octcluster while four clients work, and checks what it promises.

Whatever happens,

- each job ends with the bytes that it has undisturbed, or with a reason that a fault of that moment explains;
- nothing that was acknowledged is lost: runs, vectors, deletions;
- no process, temporary file or lock is left, and no program grows.

The clients do runs, assignments, and calls of both services through a network that can be cut; one has
``octcluster run`` start servers of its own. Faults: SIGKILL, SIGSTOP, connections that end or stall, full
disks. What a seed draws is always the same; when it happens depends on the machine. Prints one line of JSON.
The exit status is 1 if a promise was broken; then the faults and their times go to the standard error.

    .venv/bin/python tests/soak/chaos.py --minutes 30 --seed 1
"""

import argparse
import contextlib
import faulthandler
import gc
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import jobs
import octcluster
from disk import Disk, small_disk
from faults import FaultMaker, draw_faults
from jobs import Broken, Job, LocalRun, Site
from octcluster import ClustererClient, ImageSet
from octcluster.images.folder import find_images
from octcluster.images.phantoms import write_phantoms
from programs import Size, Stack, marked_processes, running_stack
from promises import (
    Ledger,
    find_false_reason,
    find_growth,
    find_held_lock,
    find_left_files,
    find_more,
    find_orphans,
)

PLANTS = (
    "wrong-bytes",
    "lost-run",
    "lost-vector",
    "orphan",
    "left-file",
    "held-lock",
    "growth",
)
"""What can be broken on purpose, to see that it is found."""

_SETS, _IMAGES_PER_CLASS = 2, 4
# What is stored grows all along: its disk shall be full only when it is filled.
_STORE_MIB, _STORE_MIB_A_MINUTE = 64, 16
_LONGEST_JOB_SECONDS = 400.0
# A job that began during a fault may end with its reason a while after.
_REASON_SECONDS = 25.0


@dataclass
class Client:
    """One client, which does one job after the other.

    Attributes:
        name: Its name.
        jobs: What it chooses from.
        pause_seconds: Longest pause between two jobs.
        ends: How its jobs ended, by job: ``right`` or ``reason``.
        broken: What they found broken.
        since: When the job at work began; None: none is.
    """

    name: str
    jobs: Sequence[tuple[str, Job]]
    pause_seconds: float
    ends: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    since: float | None = None

    def work(self, site: Site, seed: int, stop: threading.Event) -> None:
        """Works until it is told to stop."""
        chance = random.Random(f"{self.name} {seed}")
        while not stop.is_set():
            name, job = chance.choice(self.jobs)
            self._do(name, job, site, chance)
            stop.wait(chance.uniform(0.0, self.pause_seconds))

    def _do(self, name: str, job: Job, site: Site, chance: random.Random) -> None:
        began = self.since = time.monotonic()
        try:
            job(site, chance)
            self.ends[f"{name}: right"] += 1
        except Broken as error:
            self.broken.append(f"{name}: {error}")
        except (octcluster.OctclusterError, OSError) as error:
            text = f"{type(error).__name__}: {error}"
            false = find_false_reason(text, site.stack.log, began - _REASON_SECONDS, time.monotonic())
            if false:
                times = f"{site.stack.log.tell_time(began)} to {site.stack.log.tell_time(time.monotonic())}"
                self.broken.append(f"{name}, {times}: {false}")
            else:
                self.ends[f"{name}: reason"] += 1
                self.reasons[type(error).__name__] += 1
        except Exception as error:
            self.broken.append(f"{name}: {type(error).__name__}: {error}")
        finally:
            self.since = None


def make_clients(local: LocalRun, pause_seconds: float) -> list[Client]:
    """The four clients; one that only calls a service pauses for less, one that starts servers for longer."""
    services = [("embed", jobs.embed), ("put", jobs.put), ("cluster", jobs.cluster)]
    return [
        Client("runs", [("run", jobs.run)], pause_seconds),
        Client("assigns", [("assign", jobs.assign), ("run", jobs.run)], pause_seconds),
        Client("calls", [*services, ("look back", jobs.look_back)], pause_seconds / 3),
        Client("local", [("local", local)], pause_seconds * 5),
    ]


class Variant(random.Random):
    """Chooses what it is told: the first set of images with each seed, then the next set."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self._number = number

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        return self._number % start

    def choice(self, seq: Any) -> Any:
        return seq[self._number // _SETS % len(seq)] if tuple(seq) == jobs.SEEDS else seq[0]


def do_undisturbed(site: Site, local: LocalRun) -> None:
    """Does each job in each of its variants, so that its right result is known."""

    for variant in range(_SETS * len(jobs.SEEDS)):
        jobs.run(site, Variant(variant))
    for variant in range(_SETS):
        jobs.assign(site, Variant(variant))
        jobs.embed(site, Variant(variant))
    for seed in range(len(jobs.SEEDS)):
        jobs.cluster(site, Variant(_SETS * seed))
        local(site, Variant(_SETS * seed))
    site.is_disturbed = True


def disturb(site: Site, clients: Sequence[Client], maker: FaultMaker, seed: int, seconds: float) -> list[str]:
    """Has the clients work while faults happen; then lets all come to rest."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=client.work, args=(site, seed, stop), name=client.name, daemon=True)
        for client in clients
    ]
    for thread in threads:
        thread.start()
    maker.run(draw_faults(seed, seconds))
    stop.set()
    deadline = time.monotonic() + _LONGEST_JOB_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    broken = [f"a job of {thread.name} does not end" for thread in threads if thread.is_alive()]
    if broken:
        faulthandler.dump_traceback()  # what it waits for
    for program in site.stack.programs.values():
        if program.process is not None and (code := program.process.poll()) is not None:
            broken.append(f"{program.name} ended by itself, exit code {code}")
    return broken + maker.errors + [text for client in clients for text in client.broken]


def check_acknowledged(site: Site) -> list[str]:
    """Reads again all that was acknowledged."""
    broken = []
    with ClustererClient(site.stack.clusterer) as client:
        for check, run_ids in ((jobs.check_run, site.ledger.runs), (jobs.check_deleted, site.ledger.deleted)):
            for run_id in list(run_ids):
                try:
                    check(site, client, run_id)
                except (Broken, octcluster.OctclusterError) as error:
                    broken.append(f"at the end: {error}")
        broken += jobs.check_vectors(site, client)
    return broken


def do_once_more(site: Site, local: LocalRun) -> list[str]:
    """Runs undisturbed into each folder again, which removes what a command that was killed left there."""
    broken = []
    for variant in range(_SETS):
        try:
            local(site, Variant(variant))
        except (Broken, octcluster.OctclusterError) as error:
            broken.append(f"at the end, undisturbed: {error}")
    return broken


def measure(stack: Stack) -> dict[str, Size]:
    """What each program holds now, and this one with the client library in it."""
    gc.collect()
    found = {name: Size.of(program.lives[-1].process) for name, program in stack.programs.items()}
    found["clients"] = Size.of(os.getpid())
    return {name: size for name, size in found.items() if size is not None}


@dataclass
class Soak:
    """One soak in a folder."""

    arguments: argparse.Namespace
    folder: Path

    def run(self) -> dict[str, object]:
        """Does it and says what was done and what was broken."""
        with self._disks() as disks:
            store = disks["redis"].folder if "redis" in disks else self._made("store")
            models = self.arguments.models or self._made("models")
            with running_stack(self.folder, store / "data", models, self.arguments.model) as stack:
                site, local = self._site(stack, disks, models), LocalRun()
                do_undisturbed(site, local)
                site.plant = self.arguments.plant
                before, began = measure(stack), time.monotonic()
                clients, maker = make_clients(local, self.arguments.pause), FaultMaker(stack, disks, local)
                seconds = 60 * self.arguments.minutes
                broken = disturb(site, clients, maker, self.arguments.seed, seconds)
                plant(site, self.folder)
                broken += check_acknowledged(site)
                broken += do_once_more(site, local)
                broken += self._check_growth(stack, before)
                elapsed = time.monotonic() - began
            broken += find_orphans(lambda: marked_processes(self.folder))
            broken += find_left_files([self.folder / "tmp", site.outputs, site.cache])
            broken += find_held_lock(site.cache / "lock")
            return self._tell(site, clients, disks, elapsed, broken)

    def _tell(
        self, site: Site, clients: Sequence[Client], disks: dict[str, Disk], seconds: float, broken: list[str]
    ) -> dict[str, object]:
        ends: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for client in clients:
            ends += client.ends
            reasons += client.reasons
        for line in site.stack.log.tell() if broken else ():
            print(line, file=sys.stderr)
        return {
            "seed": self.arguments.seed,
            "seconds": round(seconds),
            "jobs": dict(sorted(ends.items())),
            "reasons": dict(reasons),
            "faults": site.stack.log.count(),
            "disks": "filled" if disks else "not filled: mounting is not permitted here",
            "acknowledged": {"runs": len(site.ledger.runs), "vectors": len(site.ledger.vectors)},
            "deleted": len(site.ledger.deleted),
            "named_losses": site.ledger.named_losses,
            "broken": sorted(set(broken)),
        }

    def _check_growth(self, stack: Stack, before: dict[str, Size]) -> list[str]:
        lives = [life for program in stack.programs.values() for life in program.lives]
        broken = find_growth(lives)
        after = measure(stack)
        if self.arguments.plant == "growth":
            after["clients"] = Size(before["clients"].resident_bytes + (200 << 20), 0, 0)
        for name in ("clients", "clusterer", "embedder"):
            if name in before and name in after:
                broken += find_more(name, before[name], after[name])
        return broken

    def _site(self, stack: Stack, disks: dict[str, Disk], models: Path) -> Site:
        sets: list[ImageSet] = []
        for number in range(_SETS):
            images = self.folder / f"images-{number}"
            write_phantoms(images, images_per_class=_IMAGES_PER_CLASS, seed=number)
            sets.append(find_images(images))
        cache = self._made("cache")
        (cache / "models").symlink_to(models)
        outputs = disks["outputs"].folder if "outputs" in disks else self._made("outputs")
        return Site(stack, Ledger(), sets, outputs, cache, self.arguments.model)

    def _made(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    @contextlib.contextmanager
    def _disks(self) -> Iterator[dict[str, Disk]]:
        store_mib = round(_STORE_MIB + _STORE_MIB_A_MINUTE * self.arguments.minutes)
        with (
            small_disk(self.folder / "store-disk", store_mib) as redis,
            small_disk(self.folder / "outputs-disk", 48) as outputs,
        ):
            disks = {"redis": redis, "outputs": outputs}
            yield {name: disk for name, disk in disks.items() if disk is not None}


def plant(site: Site, folder: Path) -> None:
    """Breaks one promise, if asked to."""
    if site.plant in ("lost-run", "lost-vector"):
        import redis

        store = redis.Redis(unix_socket_path=str(folder / "redis.sock"))
        word = site.plant.removeprefix("lost-")
        for key in store.scan_iter(f"octcluster:v1:{word}:*"):
            store.delete(key)
        if word == "run":
            site.stack.programs["clusterer"].kill()
            site.stack.programs["clusterer"].start()
            site.stack.programs["clusterer"].wait_until_ready()
    elif site.plant == "orphan":
        import subprocess

        subprocess.Popen(["sleep", "60"], env=site.stack.environment)
    elif site.plant == "left-file":
        (folder / "tmp" / "octcluster-left").mkdir()
    elif site.plant == "held-lock":
        import fcntl

        held = os.open(site.cache / "lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(held, fcntl.LOCK_EX)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long faults happen (%(default)s)")
    parser.add_argument(
        "--pause", type=float, default=1.5, help="longest pause of a client between jobs (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="draws faults and jobs (%(default)s)")
    parser.add_argument(
        "--model",
        default="efficientnet-lite0",
        help="the embedder's model; pixels takes less of the processor (%(default)s)",
    )
    parser.add_argument("--models", type=Path, help="folder of converted models that is kept")
    parser.add_argument(
        "--plant", choices=PLANTS, default="", help="break this promise: the exit status is 1"
    )
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir="/tmp"))
    try:
        found = Soak(arguments, folder).run()
    finally:
        for process in marked_processes(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(found))
    return 1 if found["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
