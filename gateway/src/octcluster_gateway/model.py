"""Plain data that the folders share."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class State(StrEnum):
    """Where an object stands on its way through the gateway."""

    PENDING = "pending"
    """Acknowledged, and not processed yet."""
    DONE = "done"
    """Each of its eyes has a result."""
    IGNORED = "ignored"
    """Taken, and of a kind that holds no B-scans: a fundus photograph, a PDF."""
    QUARANTINED = "quarantined"
    """It could not be processed; its reason says why."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One object that was acknowledged.

    Attributes:
        spool_id: Its number in the spool; says nothing of the patient, so it may be logged.
        sop_class: UID of its SOP class.
        sop_instance: UID of the object. Stays in the gateway.
        study: UID of its study; empty if the object has none. Stays in the gateway.
        series: UID of its series; empty if the object has none. Stays in the gateway.
        transfer_syntax: UID of its transfer syntax.
        size_bytes: Size of its file.
        sha256: SHA-256 of its data set as it came, hexadecimal.
        calling_ae: AE title of the sender.
        received: Second of Unix time at which it was acknowledged.
        state: Where it stands.
        attempts: How often it was tried.
        reason: Why it was last not processed; empty: nothing failed.
    """

    spool_id: int
    sop_class: str
    sop_instance: str
    study: str
    series: str
    transfer_syntax: str
    size_bytes: int
    sha256: str
    calling_ae: str
    received: float
    state: State = State.PENDING
    attempts: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An instance and its file in the spool."""

    instance: Instance
    path: Path


@dataclass(frozen=True, slots=True)
class EyeResult:
    """Where one eye of one object belongs in the clusters of a run.

    Attributes:
        spool_id: The object's number in the spool.
        patient: Pseudonym of the patient; None if the object names none.
        study: Pseudonym of the study.
        series: Pseudonym of the series.
        instance: Pseudonym of the object.
        eye: ``OD``, the right one, or ``OS``; None: the object does not tell.
        scans: Number of its B-scans that were placed.
        failed_scans: Number of its B-scans that were not.
        cluster: Cluster of the mean vector of its B-scans.
        margin: How sure: 0, torn between two clusters, to 1.
        outlier_share: Share of its B-scans that are farther from the mean of their cluster than 99% of the
            run's own; None: the cluster is too small to tell.
        class_name: The class that the cluster stands for in the run; None if for none.
        run_id: The run.
        model_sha256: SHA-256 of the run's file.
        versions: Version by name.
    """

    spool_id: int
    patient: str | None
    study: str
    series: str
    instance: str
    eye: str | None
    scans: int
    failed_scans: int
    cluster: int
    margin: float
    outlier_share: float | None
    class_name: str | None
    run_id: str
    model_sha256: str
    versions: dict[str, str]
