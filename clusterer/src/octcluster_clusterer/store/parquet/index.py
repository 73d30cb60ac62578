"""Where the latest vector of each image is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ABSENT = -1
_KEY_TYPE = np.dtype("S32")


@dataclass(frozen=True)
class _Run:
    """Image keys in ascending order, each once, with the place of each.

    Attributes:
        keys: Shape (n_keys,), 32 bytes each.
        put_at: int64, shape (n_keys,).
        shards: int32, shape (n_keys,): number of its shard, or ABSENT.
        rows: int32, shape (n_keys,): number of its row there.
    """

    keys: NDArray[np.bytes_]
    put_at: NDArray[np.int64]
    shards: NDArray[np.int32]
    rows: NDArray[np.int32]

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> "_Run":
        return _Run(self.keys[which], self.put_at[which], self.shards[which], self.rows[which])


class Index:
    """Finds vectors by image key, the latest of each; 48 bytes of memory a vector.

    New keys make a run of their own; runs of like size are merged, so that there are never many. Not safe to
    use from several threads at once.
    """

    def __init__(self) -> None:
        """Knows no vector."""
        self._runs: list[_Run] = []

    def add(self, shard: int, keys: NDArray[np.uint8], put_at: NDArray[np.int64]) -> None:
        """Adds the vectors of a shard.

        Args:
            shard: Its number; ABSENT: these images were erased then, and what was put before does not count.
            keys: uint8, shape (n_rows, 32): the image key of each row.
            put_at: int64, shape (n_rows,): when each was put.
        """
        rows = np.arange(len(keys), dtype=np.int32)
        run = _Run(as_strings(keys), put_at, np.full(len(keys), shard, dtype=np.int32), rows)
        self._runs.append(_keep_latest([run]))
        while len(self._runs) > 1 and len(self._runs[-2].keys) <= 2 * len(self._runs[-1].keys):
            self._runs[-2:] = [_keep_latest(self._runs[-2:])]

    def remove(self, shards: set[int]) -> None:
        """Forgets all vectors of these shards."""
        if not shards:
            return
        gone = np.fromiter(shards, dtype=np.int32)
        self._runs = [run.take(~np.isin(run.shards, gone)) for run in self._runs]

    def find(self, keys: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Finds vectors.

        Args:
            keys: uint8, shape (n_keys, 32).

        Returns:
            Number of the shard, ABSENT where there is none, and of the row in it: int32, shape (n_keys,).
        """
        wanted = as_strings(keys)
        order = np.argsort(wanted)
        ordered = wanted[order]  # neighbours are looked for in the same part of memory
        latest = np.full(len(keys), np.iinfo(np.int64).min)
        shards, rows = np.full((2, len(keys)), ABSENT, dtype=np.int32)
        for run in self._runs:
            if not len(run.keys):
                continue
            places = np.minimum(np.searchsorted(run.keys, ordered), len(run.keys) - 1)
            better = (run.keys[places] == ordered) & (run.put_at[places] > latest[order])
            to, places = order[better], places[better]
            latest[to], shards[to], rows[to] = run.put_at[places], run.shards[places], run.rows[places]
        return shards, rows

    def forget(self, shard: int, keys: NDArray[np.uint8]) -> None:
        """Has images whose latest vectors are in this shard count as absent, until later ones are added."""
        wanted = as_strings(keys)
        for run in self._runs:
            run.shards[(run.shards == shard) & np.isin(run.keys, wanted)] = ABSENT


def as_strings(keys: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Image keys, uint8, shape (n_keys, 32), as values that can be compared, shape (n_keys,)."""
    return np.ascontiguousarray(keys).view(_KEY_TYPE).reshape(-1)


def _keep_latest(runs: list[_Run]) -> _Run:
    """One run of several, with the latest place of each key."""
    merged = _Run(
        np.concatenate([run.keys for run in runs]),
        np.concatenate([run.put_at for run in runs]),
        np.concatenate([run.shards for run in runs]),
        np.concatenate([run.rows for run in runs]),
    )
    merged = merged.take(np.lexsort((merged.put_at, merged.keys)))
    return merged.take(np.append(merged.keys[1:] != merged.keys[:-1], True)[: len(merged.keys)])
