"""A real disk of a given size that can be full."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, kibibytes: int) -> Iterator[Path]:
    """Mounts a small tmpfs while the block runs; where that is not allowed, the test is skipped.

    Args:
        place: An empty folder, made if need be.
        kibibytes: How much it holds.
    """
    place.mkdir(exist_ok=True)
    options = f"size={kibibytes}k,mode=0700"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def fill_disk(place: Path, leave_kibibytes: int = 0) -> Path:
    """Fills a disk but for some space; returns the file that fills it."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
        file.truncate(max(0, file.tell() - 1024 * leave_kibibytes))
    return filler
