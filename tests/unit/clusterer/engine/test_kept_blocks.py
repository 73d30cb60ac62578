"""Blocks that a worker keeps: of one run, the first ones, and never as somebody has changed them."""

import numpy as np
from numpy.typing import NDArray
from octcluster_clusterer.engine.kept_blocks import KeptBlocks

BLOCK_BYTES = 40


class Reader:
    def __init__(self) -> None:
        self.read: list[int] = []

    def of(self, kept: KeptBlocks, run: str, number: int) -> NDArray[np.float32]:
        def read() -> NDArray[np.float32]:
            self.read.append(number)
            return np.full((2, 5), number, dtype=np.float32)

        return kept.find(run, number, read, to_change=True)


def test_the_first_blocks_are_read_once_and_the_others_each_time() -> None:
    kept, reader = KeptBlocks(2 * BLOCK_BYTES + 1), Reader()
    for _ in range(3):
        for number in range(4):
            assert (reader.of(kept, "a", number) == number).all()
    assert reader.read == [0, 1, 2, 3, 2, 3, 2, 3]


def test_what_is_kept_is_not_what_was_changed() -> None:
    kept, reader = KeptBlocks(BLOCK_BYTES), Reader()
    for _ in range(2):
        block = reader.of(kept, "a", 7)
        assert (block == 7).all()
        block *= 2
    assert reader.read == [7]


def test_what_nobody_changes_is_not_copied() -> None:
    kept = KeptBlocks(BLOCK_BYTES)
    block = np.zeros((2, 5), dtype=np.float32)
    assert kept.find("a", 0, lambda: block, to_change=False) is block


def test_another_run_reads_anew() -> None:
    kept, reader = KeptBlocks(10 * BLOCK_BYTES), Reader()
    for run in ("a", "b", "a"):
        reader.of(kept, run, 1)
    assert reader.read == [1, 1, 1]
