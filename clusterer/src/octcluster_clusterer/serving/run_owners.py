"""Whose a run is. Clients know a run by its id; the clusterer keeps it under its owner and that id.

Where callers have names (tokens with names, or certificates), each has runs of its own: another's id names no
run. Where they have none, all share one set of runs.
"""

from hashlib import blake2b

from octcluster_serving.callers import NOBODY, current_caller

from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.runs.records import OWNER_DIGITS, is_run_id


def to_kept_id(run_id: str) -> str:
    """The id under which a run of the caller's is kept.

    Raises:
        InvalidRequest: It is no id of a run.
    """
    if not is_run_id(run_id):
        raise InvalidRequest("run_id must be 32 lower-case hexadecimal digits")
    return _prefix() + run_id


def from_kept_id(kept_id: str) -> str:
    """The id by which its owner knows a run."""
    return kept_id.rpartition(":")[2]


def is_callers(kept_id: str) -> bool:
    """Whether a run is the caller's."""
    return kept_id == _prefix() + from_kept_id(kept_id)


def _prefix() -> str:
    """What stands before the ids of the caller's runs: of a digest, since names have no business in Redis."""
    caller = current_caller()
    if caller == NOBODY:
        return ""
    return f"{blake2b(caller.encode(), digest_size=OWNER_DIGITS // 2).hexdigest()}:"
