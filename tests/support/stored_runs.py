"""Stored runs as Redis holds them: kept ones, and such as another version, or no version, has left.

``python tests/support/stored_runs.py`` writes today's record anew, for a change of format that is meant.
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import numpy as np
import redis

RUN_ID = "0123456789abcdef" * 2
RECORD_KEY = b"octcluster:v1:run:" + RUN_ID.encode()
LIST_KEY = b"octcluster:v1:runs"
_CHECKSUM_BYTES = 16
_FOLDER = Path(__file__).parents[1] / "unit/clusterer/runs/stored_runs"

Fields = dict[bytes, bytes]


def read_kept(name: str) -> Fields:
    """The fields of a kept record, with their checksums: ``before_formats`` or ``format_1``."""
    document = json.loads((_FOLDER / f"{name}.json").read_text())
    return {field.encode(): base64.b64decode(value) for field, value in document.items()}


def unseal(fields: Fields) -> Fields:
    return {name: value[:-_CHECKSUM_BYTES] for name, value in fields.items()}


def seal(contents: Mapping[bytes, bytes]) -> Fields:
    """Adds the checksums, so that only the content can be what is wrong."""
    sealed = {}
    for name, content in contents.items():
        checksum = blake2b(RUN_ID.encode() + b":" + name + b":" + content, digest_size=_CHECKSUM_BYTES)
        sealed[name] = content + checksum.digest()
    return sealed


def unreadable_records() -> dict[str, Fields]:
    """By what is wrong with them: records that this version cannot read."""
    kept = read_kept("format_1")
    contents = unseal(kept)

    def change(name: bytes, old: bytes, new: bytes) -> Fields:
        assert contents[name].count(old) == 1, (name, old)
        return seal({**contents, name: contents[name].replace(old, new)})

    def change_version(old: bytes, new: bytes) -> Fields:
        return {name: content.replace(b'["' + old, b'["' + new, 1) for name, content in contents.items()}

    def change_scores(*names: str) -> Fields:
        changed = change_version(b"1:", b"1:0")  # the digest of other fields
        document = json.loads(changed[b"content"])
        for result in document[1]["result"]["results"]:
            purity = result["scores"].pop("purity")
            result["scores"] |= dict.fromkeys(names, purity)
        return seal({**changed, b"content": json.dumps(document).encode()})

    future = change_version(b"1:", b"2:")
    return {
        "before records had a format": read_kept("before_formats"),
        "written by code with one score less": change_scores(),
        "written by code with one score more": change_scores("purity", "more"),
        "of a future format": seal(future),
        "of two formats": seal({**contents, b"status": future[b"status"]}),
        "garbage": dict.fromkeys(kept, b"\x00\xff garbage"),
        "garbage with checksums": seal(dict.fromkeys(kept, b"\x00\xff garbage")),
        "nothing with checksums": seal(dict.fromkeys(kept, b"")),
        "truncated": {name: value[: len(value) // 2] for name, value in kept.items()},
        "truncated before the checksums": seal(
            {n: value[: len(value) // 2] for n, value in contents.items()}
        ),
        "without its status": {name: value for name, value in kept.items() if name != b"status"},
        "without its content": {name: value for name, value in kept.items() if name != b"content"},
        "without an array": {name: value for name, value in kept.items() if name != b"array:0"},
        "an unknown state": change(b"status", b'"succeeded"', b'"archived"'),
        "an array that is pickled": seal({**contents, b"array:0": b"\x80\x04]\x94."}),
    }


DAMAGED = ("without its content", "without an array", "an array that is pickled")
"""Those whose status can be read."""


def put_record(store: redis.Redis, fields: Fields) -> None:
    """Puts a record, and its id on the list of runs, in place of what was there."""
    store.delete(RECORD_KEY)
    for name, value in fields.items():
        store.hset(RECORD_KEY, name, value)
    store.zadd(LIST_KEY, {RUN_ID: datetime.now(UTC).timestamp()})


def _write_todays_record(name: str) -> None:
    from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
    from octcluster_clusterer.model import Algorithm, Members, Preparation, RunSpec, VectorSpace
    from octcluster_clusterer.runs.execution import find_fingerprint
    from octcluster_clusterer.runs.pipeline import run_pipeline
    from octcluster_clusterer.runs.record_format import write_record
    from octcluster_clusterer.runs.records import RunRecord, RunState, RunStatus

    vectors = np.repeat(np.eye(2, 4), 4, axis=0) * 5 + np.random.default_rng(0).normal(size=(8, 4))
    keys = np.repeat(np.arange(8, dtype=np.uint8), 32).reshape(8, 32)
    members = Members(keys, np.repeat([0, 1], 4).astype(np.int32))
    space = VectorSpace(b"\x07" * 32, 4)
    spec = RunSpec(RUN_ID, space, Preparation(pca=2), [Algorithm.KMEANS], 2, 2, seed=1)
    blocks = MemoryBlocks(vectors.astype(np.float32))
    result = run_pipeline(blocks, members, spec, lambda stage, done, total: None)
    time = datetime(2026, 1, 1, tzinfo=UTC)
    status = RunStatus(RUN_ID, RunState.SUCCEEDED, 8, created=time, started=time, finished=time)
    record = RunRecord(status, spec, find_fingerprint(spec, members), keys, result)
    fields = seal(write_record(record))
    document = {field.decode(): base64.b64encode(value).decode() for field, value in fields.items()}
    (_FOLDER / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    _write_todays_record("format_1")
