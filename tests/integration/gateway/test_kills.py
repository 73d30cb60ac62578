"""Nothing that was acknowledged is lost or comes twice, wherever the gateway ends."""

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_senders import read_acknowledged, sop_instance, start_storescu, write_objects
from gateways import Gateway
from octcluster_gateway.model import State
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from octcluster_gateway.spool.index import Index
from waiting import wait_until

if TYPE_CHECKING:
    import subprocess

StartGateway = Callable[..., Gateway]
_SENDERS = 8
_OBJECTS = 120
_KILLS = 5


class Senders:
    """Eight senders that go on with what was not acknowledged, until all is."""

    def __init__(self, port: int, files: list[Path], logs: Path) -> None:
        self._port = port
        self._parts = [files[start::_SENDERS] for start in range(_SENDERS)]
        self._logs = [logs / f"{number}.log" for number in range(_SENDERS)]
        self._running: list[subprocess.Popen[bytes] | None] = [None] * _SENDERS

    @property
    def acknowledged(self) -> set[str]:
        return set().union(*(read_acknowledged(log.read_text()) for log in self._logs if log.exists()))

    def drive(self, goal: int = _OBJECTS) -> bool:
        """Starts each sender that has ended and has something left; says whether so many are acknowledged."""
        done = self.acknowledged
        for number, part in enumerate(self._parts):
            running = self._running[number]
            left = [file for file in part if str(file) not in done]
            if left and (running is None or running.poll() is not None):
                self._running[number] = start_storescu(self._port, left, self._logs[number])
        return len(done) >= goal

    def stop(self) -> None:
        for running in self._running:
            if running is not None:
                running.kill()
                running.wait()


def test_sigkill_at_random_while_eight_senders_push(
    start_gateway: StartGateway, pixel_run: Path, pixel_services: list[str], tmp_path: Path
) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")
    chance = random.Random(seed)
    files = write_objects(tmp_path / "files", _OBJECTS)
    (tmp_path / "logs").mkdir()
    gateway = start_gateway(pixel_run, pixel_services)
    senders = Senders(gateway.port, files, tmp_path / "logs")
    try:
        for kill in range(1, _KILLS + 1):
            goal = kill * _OBJECTS // (_KILLS + 1)
            wait_until(partial(senders.drive, goal), 120)
            time.sleep(chance.uniform(0, 0.5))
            gateway.kill()
            gateway.start()
        wait_until(senders.drive, 240)
    finally:
        senders.stop()
    assert senders.acknowledged == set(map(str, files))
    gateway.wait_until_processed()
    assert gateway.stop() == 0

    # Each acknowledged object is there once, with its result: no line twice, none torn, none missing.
    index = Index(gateway.spool / "index.sqlite")
    done = [entry.instance.sop_instance for entry in index.list_state(State.DONE)]
    index.close()
    assert sorted(done) == sorted(sop_instance(number) for number in range(1, _OBJECTS + 1))
    pseudonyms = Pseudonyms(gateway.secrets[0].read_bytes())
    expected = sorted(pseudonyms.instance(sop_instance(number)) for number in range(1, _OBJECTS + 1))
    assert sorted(line["instance"] for line in gateway.results()) == expected
