"""A gateway as a process of its own, which a test may kill and start again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from octcluster import ImageSet, RunOptions, Scan, Silence, run_images
from octcluster.images.readers.processes import kept_workers
from octcluster.outputs.run.files import write_run_files
from octcluster_gateway.model import State
from octcluster_gateway.spool.index import Index
from processes import free_port, listens
from waiting import wait_until

_START_SECONDS = 120.0


class Gateway:
    """A gateway with folders of its own; its port stays the same when it is started again."""

    def __init__(self, folder: Path, run: Path, services: Sequence[str], *arguments: str) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.results_file = folder / "results/eyes.jsonl"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._log_file = folder / "log.txt"
        folder.mkdir(exist_ok=True)
        keys = folder.with_name(f"{folder.name}-keys")
        keys.mkdir(exist_ok=True)
        self.secrets = [write_secret(keys / name) for name in ("secret", "map.key")]
        self._command = [sys.executable, "-m", "octcluster_gateway", "serve", *services]
        self._command += ["--listen", f"127.0.0.1:{self.port}", "--spool", str(self.spool), "--run", str(run)]
        self._command += ["--results", str(folder / "results"), "--min-free-bytes", "1MiB"]
        self._command += ["--secret-file", str(self.secrets[0]), "--map-key-file", str(self.secrets[1])]
        self._command += arguments

    def start(self) -> None:
        """Starts it, and waits until it takes connections."""
        with self._log_file.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self._listens, _START_SECONDS)

    def kill(self) -> None:
        """Ends it without warning."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Asks it to stop; returns its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    @property
    def log(self) -> str:
        """What it has logged so far, all processes together."""
        return self._log_file.read_text(errors="replace")

    def results(self) -> list[dict[str, Any]]:
        """The results so far."""
        if not self.results_file.exists():
            return []
        return [json.loads(line) for line in self.results_file.read_text().splitlines()]

    def count(self, state: State) -> int:
        """The number of objects in a state."""
        index = Index(self.spool / "index.sqlite")
        try:
            return index.count_states()[state]
        finally:
            index.close()

    def wait_until_processed(self, seconds: float = 240) -> None:
        """Waits until nothing is pending, and each result is written: these come after the states."""
        wait_until(lambda: self.count(State.PENDING) == 0 and not self._has_unwritten(), seconds)

    def _has_unwritten(self) -> bool:
        index = Index(self.spool / "index.sqlite")
        try:
            return bool(index.list_unwritten())
        finally:
            index.close()

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        return listens(self.port)


def write_secret(path: Path) -> Path:
    """Writes a secret of 32 bytes, for its owner alone; a second call leaves it."""
    if not path.exists():
        path.touch(0o600)
        path.write_text(os.urandom(32).hex())
    return path


def make_run(
    images: Path, services: RunOptions, folder: Path, classes: tuple[str, ...], per_class: int
) -> Path:
    """Clusters some images of these classes, and writes the run into a folder."""
    scans = [
        Scan(images, path.relative_to(images).as_posix(), name, path.stem.split("-")[1])
        for name in classes
        for path in sorted((next(images.rglob(name))).glob("*.jp*g"))[:per_class]
    ]
    scans.sort(key=lambda scan: scan.order)
    options = RunOptions(
        **{name: getattr(services, name) for name in ("model", "embedder", "clusterer")},
        key_secret=os.environ.get("OCTCLUSTER_KEY_SECRET", "").encode(),
        min_clusters=len(classes),
        max_clusters=len(classes),
        umap=False,
        stability_resamples=0,
    )
    folder.mkdir(exist_ok=True)
    with kept_workers():
        outcome = run_images(ImageSet(images, scans, "folder"), options, Silence())
    write_run_files(outcome, folder, {}, datetime.now(UTC))
    return folder
