"""Everything that can go wrong in the clusterer, and what a caller should do about it.

    ClustererError
    ├── InvalidRequest          the request breaks a rule: correct it        → INVALID_ARGUMENT
    │   └── MessageTooLarge     more keys, members or bytes than allowed     → INVALID_ARGUMENT
    ├── RunNotFound             no such run (any more)                       → NOT_FOUND
    ├── RunNotFinished          the run has no result yet, or none at all    → FAILED_PRECONDITION
    ├── FittedRunNotFound       no such fitted run (any more): put its file  → NOT_FOUND
    ├── CannotAssign            the run's result takes no other images       → FAILED_PRECONDITION
    ├── NotAllowed              this caller may not do this                  → PERMISSION_DENIED
    ├── VectorsMissing          members without a vector: put them first     → fails the run
    ├── QueueFull               too many runs wait: try again later          → RESOURCE_EXHAUSTED
    ├── StoreUnavailable        Redis does not answer: try again             → UNAVAILABLE
    │   └── StoreRefused        Redis refuses, and time alone mends nothing  → FAILED_PRECONDITION
    ├── EngineUnavailable       the Dask cluster does not do its work         → fails the run
    ├── MapFailed               UMAP could not be computed                   → the run has none
    ├── ServerStopping          the server is being stopped: try another     → UNAVAILABLE
    └── RunCancelled            the run was asked to stop                    → ends the run

Anything else is a fault of the server: INTERNAL with a generic message, and the traceback in the log. The
table from error to gRPC status (of those that end a call) is in ``serving/service.py``.

Messages reach people: they say what to do next, and name no host, path or patient.
"""

from collections.abc import Mapping


class ClustererError(Exception):
    """Base of all errors of the clusterer."""


class InvalidRequest(ClustererError):
    """The request breaks a rule of the contract."""


class MessageTooLarge(InvalidRequest):
    """The request holds more keys, members or bytes than the server takes."""


class RunNotFound(ClustererError):
    """No run has this id, or it was deleted or has expired."""


class RunNotFinished(ClustererError):
    """The run has no result yet, or ended without one."""


class FittedRunNotFound(ClustererError):
    """No fitted run has this digest, or it has expired."""


class CannotAssign(ClustererError):
    """The run's result does not hold what is needed to assign other images."""


class NotAllowed(ClustererError):
    """The caller may not do this, whoever else may."""


class VectorsMissing(ClustererError):
    """Members have no vector in the cache.

    Attributes:
        faults: Number of such members by what is wrong, for whoever adds up what several readers found.
    """

    def __init__(self, message: str, faults: Mapping[str, int] | None = None) -> None:
        super().__init__(message)
        self.faults = dict(faults or {})


class QueueFull(ClustererError):
    """As many runs wait as the server allows."""


class StoreUnavailable(ClustererError):
    """The vector store does not answer."""


class StoreRefused(StoreUnavailable):
    """The vector store answers that it will not do this: an administrator must change something."""


class EngineUnavailable(ClustererError):
    """What computes beside the clusterer, the Dask cluster, is not there, or cannot do its work."""


class MapFailed(ClustererError):
    """The process that lays out the map of the members ended."""


class ServerStopping(ClustererError):
    """The server is being stopped and takes no new runs."""


class RunCancelled(ClustererError):
    """The run was asked to stop."""
