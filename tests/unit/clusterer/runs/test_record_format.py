"""A record of a run written down and read: today's as it was, any other refused as a whole."""

import json

import numpy as np
import pytest
from known import known
from octcluster_clusterer.runs.record_format import FORMAT, read_record, write_record
from stored_runs import RUN_ID, read_kept, unreadable_records, unseal

KEPT = f"format_{FORMAT}"


def test_the_kept_record_is_read() -> None:
    record = read_record(unseal(read_kept(KEPT)))
    assert record.status.run_id == record.spec.run_id == RUN_ID
    assert record.spec.space.digest == b"\x07" * 32
    assert record.result is not None
    (result,) = record.result.results
    assert result.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert result.labels.dtype == np.int32
    assert result.scores.accuracy.value == 1
    assert result.class_of_cluster.tolist() == [0, 1]
    fitted = known(record.result.fitted).result(0, record.spec.space)
    placed = fitted.assign(np.eye(2, 4, dtype=np.float32))
    assert (placed.clusters.tolist(), fitted.rule.fitted_agreement) == ([0, 1], 1)


def test_the_kept_record_is_written_as_it_was() -> None:
    """Fails if the format has changed: raise FORMAT, and keep a record of the new one (stored_runs.py)."""
    kept = unseal(read_kept(KEPT))
    written = write_record(read_record(kept))
    assert list(written)[-1] == b"status"
    assert {name: value for name, value in written.items() if name != b"content"} == {
        name: value for name, value in kept.items() if name != b"content"
    }
    assert json.loads(written[b"content"]) == json.loads(kept[b"content"])


@pytest.mark.parametrize("fault", unreadable_records())
def test_any_other_record_is_refused(fault: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        read_record(unseal(unreadable_records()[fault]))
