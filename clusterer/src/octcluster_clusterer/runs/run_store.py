"""Ended runs in Redis: fetched after a restart of the clusterer, forgotten when their time is over.

A run is one record: its status and its summary as JSON, and one binary column for each figure that every
member has. Each field ends in a checksum, as vectors do. The status is written last, so that a run saved in
part is no run.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from octcluster_clusterer.assignment.assign import read_fitted_run
from octcluster_clusterer.model import (
    Algorithm,
    Association,
    ClusteringResult,
    Contingency,
    DataType,
    Duplicates,
    Preparation,
    RunSpec,
    Scores,
    Stability,
    Stage,
    VectorSpace,
)
from octcluster_clusterer.runs.records import RunRecord, RunResult, RunStatus
from octcluster_clusterer.store.redis import RedisStore

logger = logging.getLogger(__name__)

_KEY_PREFIX = b"octcluster:v1:run:"
_LIST_KEY = b"octcluster:v1:runs"
_CHECKSUM_BYTES = 16
_STATUS = TypeAdapter(RunStatus)
_SCORES = TypeAdapter(Scores)
_STABILITY = TypeAdapter(Stability | None)
_ASSOCIATIONS = TypeAdapter(tuple[Association, ...])
_DUPLICATES = TypeAdapter(Duplicates | None)


class RunStore:
    """Runs that have ended, by id, for a limited time."""

    def __init__(self, store: RedisStore, ttl_seconds: int) -> None:
        """Keeps runs in ``store`` for ttl_seconds each."""
        self._store = store
        self._ttl_seconds = ttl_seconds

    def save(self, record: RunRecord) -> None:
        """Saves a run in place of what was there under its id.

        Raises:
            StoreUnavailable: Redis does not serve; the run is not saved.
        """
        run_id = record.status.run_id
        fields = {**_columns(record), b"summary": json.dumps(_summarize(record)).encode()}
        fields[b"status"] = _STATUS.dump_json(record.status)
        sealed = {name: value + _checksum(run_id, name, value) for name, value in fields.items()}
        self._store.write_record(_key(run_id), sealed, self._ttl_seconds)
        oldest = datetime.now(UTC) - timedelta(seconds=self._ttl_seconds)
        created = record.status.created.timestamp()
        self._store.add_to_list(_LIST_KEY, run_id.encode(), created, oldest.timestamp())

    def read(self, run_id: str) -> RunRecord | None:
        """Reads a run; None if there is none, or if it was saved in part or is damaged.

        Raises:
            StoreUnavailable: Redis does not serve.
        """
        fields = self._store.read_record(_key(run_id))
        opened = {name: _open(run_id, name, value) for name, value in fields.items()}
        try:
            return _rebuild({name: content for name, content in opened.items() if content is not None})
        except KeyError as error:
            if fields:
                logger.error("run %s: its record lacks a sound %s", run_id, error)
            return None

    def list_statuses(self) -> list[RunStatus]:
        """Reads the status of all runs, the oldest first.

        Raises:
            StoreUnavailable: Redis does not serve.
        """
        run_ids = [run_id.decode() for run_id in self._store.read_list(_LIST_KEY)]
        values = self._store.read_fields([_key(run_id) for run_id in run_ids], b"status")
        opened = [_open(run_id, b"status", value) for run_id, value in zip(run_ids, values, strict=True)]
        return [_STATUS.validate_json(content) for content in opened if content is not None]

    def delete(self, run_id: str) -> None:
        """Deletes a run, if there is one.

        Raises:
            StoreUnavailable: Redis does not serve.
        """
        self._store.remove_from_list(_LIST_KEY, run_id.encode())
        self._store.delete(_key(run_id))


def _key(run_id: str) -> bytes:
    return _KEY_PREFIX + run_id.encode()


def _checksum(run_id: str, name: bytes, content: bytes) -> bytes:
    checksum = blake2b(run_id.encode() + b":" + name + b":", digest_size=_CHECKSUM_BYTES)
    checksum.update(content)
    return checksum.digest()


def _open(run_id: str, name: bytes, value: bytes | None) -> bytes | None:
    """The content of a sealed field, None if it is missing or damaged."""
    if value is None:
        return None
    content = value[:-_CHECKSUM_BYTES]
    return content if _checksum(run_id, name, content) == value[-_CHECKSUM_BYTES:] else None


def _columns(record: RunRecord) -> dict[bytes, bytes]:
    if record.result is None:
        return {}
    columns = {
        b"image_keys": record.image_keys.tobytes(),
        b"coordinates": record.result.coordinates.astype("<f4", copy=False).tobytes(),
    }
    if record.result.umap_coordinates is not None:
        columns[b"umap"] = record.result.umap_coordinates.astype("<f4", copy=False).tobytes()
    if record.result.fitted is not None:
        columns[b"fitted"] = record.result.fitted.to_bytes()
    for i, result in enumerate(record.result.results):
        columns[b"labels:%d" % i] = result.labels.astype("<i4", copy=False).tobytes()
        columns[b"silhouettes:%d" % i] = result.silhouettes.astype("<f4", copy=False).tobytes()
        if result.distances is not None:
            columns[b"distances:%d" % i] = result.distances.astype("<f4", copy=False).tobytes()
    return columns


def _summarize(record: RunRecord) -> dict[str, Any]:
    """All of a record but its status and its columns, ready for JSON."""
    spec = asdict(record.spec)
    spec["space"]["digest"] = record.spec.space.digest.hex()
    result = record.result
    return {
        "fingerprint": record.fingerprint,
        "spec": spec,
        "result": None
        if result is None
        else {
            "results": [
                {
                    "algorithm": one.algorithm,
                    "requested_clusters": one.requested_clusters,
                    "scores": asdict(one.scores),
                    "contingency": one.contingency
                    and {name: values.tolist() for name, values in asdict(one.contingency).items()},
                    "seconds": one.seconds,
                    "stability": one.stability and asdict(one.stability),
                    "associations": [asdict(association) for association in one.associations],
                    "distances": one.distances is not None,
                    "rating": one.rating,
                }
                for one in result.results
            ],
            "chosen": result.chosen,
            "chosen_reason": result.chosen_reason,
            "input_dimension": result.input_dimension,
            "prepared_dimension": result.prepared_dimension,
            "explained_variance_ratios": result.explained_variance_ratios.tolist(),
            "stage_seconds": result.stage_seconds,
            "stage_peak_bytes": result.stage_peak_bytes,
            "duplicates": result.duplicates and asdict(result.duplicates),
            "fitted": result.fitted is not None,
            "umap_coordinates": result.umap_coordinates is not None,
            "umap_missing_reason": result.umap_missing_reason,
        },
    }


def _rebuild(contents: Mapping[bytes, bytes]) -> RunRecord:
    status = _STATUS.validate_json(contents[b"status"])
    summary = json.loads(contents[b"summary"])
    result = None if summary["result"] is None else _rebuild_result(summary["result"], contents)
    keys = np.frombuffer(contents[b"image_keys"] if result else b"", dtype=np.uint8).reshape(-1, 32)
    return RunRecord(status, _rebuild_spec(summary["spec"]), summary["fingerprint"], keys, result)


def _rebuild_spec(spec: dict[str, Any]) -> RunSpec:
    # Runs of older versions had no other data type.
    space = VectorSpace(
        bytes.fromhex(spec["space"]["digest"]),
        spec["space"]["dimension"],
        DataType(spec["space"].get("data_type", DataType.FLOAT32)),
    )
    return RunSpec(
        **{
            **spec,
            "space": space,
            "preparation": _rebuild_preparation(spec["preparation"]),
            "algorithms": [Algorithm(name) for name in spec["algorithms"]],
        }
    )


def _rebuild_preparation(preparation: dict[str, Any]) -> Preparation:
    # JSON has lists only; runs of older versions had no parts.
    return Preparation(**{**preparation, "part_dimensions": tuple(preparation.get("part_dimensions", ()))})


def _rebuild_result(summary: dict[str, Any], contents: Mapping[bytes, bytes]) -> RunResult:
    results = [
        ClusteringResult(
            algorithm=Algorithm(one["algorithm"]),
            requested_clusters=one["requested_clusters"],
            labels=np.frombuffer(contents[b"labels:%d" % i], dtype="<i4"),
            silhouettes=np.frombuffer(contents[b"silhouettes:%d" % i], dtype="<f4"),
            scores=_SCORES.validate_python(one["scores"]),
            contingency=one["contingency"]
            and Contingency(
                class_indices=np.array(one["contingency"]["class_indices"], dtype=np.int32),
                clusters=np.array(one["contingency"]["clusters"], dtype=np.int32),
                counts=np.array(one["contingency"]["counts"], dtype=np.int64),
            ),
            seconds=one["seconds"],
            # Runs of older versions have none of these, nor duplicates.
            stability=_STABILITY.validate_python(one.get("stability")),
            associations=_ASSOCIATIONS.validate_python(one.get("associations", ())),
            distances=np.frombuffer(contents[b"distances:%d" % i], dtype="<f4")
            if one.get("distances")
            else None,
            rating=one.get("rating"),
        )
        for i, one in enumerate(summary["results"])
    ]
    return RunResult(
        **{
            **summary,
            "results": results,
            "coordinates": _read_pairs(contents[b"coordinates"]),
            "explained_variance_ratios": np.array(summary["explained_variance_ratios"], dtype=np.float64),
            "stage_seconds": {Stage(name): seconds for name, seconds in summary["stage_seconds"].items()},
            "stage_peak_bytes": {
                Stage(name): peak for name, peak in summary.get("stage_peak_bytes", {}).items()
            },
            "duplicates": _DUPLICATES.validate_python(summary.get("duplicates")),
            "fitted": read_fitted_run(contents[b"fitted"]) if summary.get("fitted") else None,
            "umap_coordinates": _read_pairs(contents[b"umap"]) if summary.get("umap_coordinates") else None,
        }
    )


def _read_pairs(content: bytes) -> NDArray[np.float32]:
    return np.frombuffer(content, dtype="<f4").reshape(-1, 2)
