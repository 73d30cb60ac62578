"""Real disks of a few kilobytes, which are soon full."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import machine


@contextmanager
def small_disk(folder: Path, kibibytes: int) -> Iterator[Path]:
    """Mounts a new disk at a folder, which is made, while the block runs; skips where that is not allowed."""
    folder.mkdir(exist_ok=True)
    options = f"size={kibibytes}k,mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "octcluster-test", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    machine.need(mounted, "the right to mount a small disk", "run the tests as root, in a container say")
    try:
        yield folder
    finally:
        # Lazily: a server that has just ended may still be on its way out.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fills the disk of a folder to the last byte; returns the file that does, so that it can be deleted."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return filler
