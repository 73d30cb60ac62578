"""Processes what waits in the spool: oldest first, with retries, and a quarantine for the rest."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from octcluster.images.readers.processes import kept_workers
from octcluster_serving.logs import describe_fault

from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.errors import ServiceAway, Unprocessable
from octcluster_gateway.metrics import GatewayMetrics
from octcluster_gateway.model import EyeResult, Instance, State, StoredFile
from octcluster_gateway.processing.accounting import account_objects
from octcluster_gateway.processing.assigning import Assigner, Placed
from octcluster_gateway.processing.backoff import wait_seconds
from octcluster_gateway.processing.headers import Header, read_header
from octcluster_gateway.pseudonyms.identity_map import Identity, IdentityMap
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from octcluster_gateway.results.json_lines import JsonLines, format_result
from octcluster_gateway.spool.spool import Spool, tell_quarantined

_logger = logging.getLogger(__name__)

_OBJECTS_AT_ONCE = 16
_LOOK_SECONDS = 0.5
_FAULT = "the gateway failed at it, see its log: retry after an upgrade, and report it"
_ENDED = "the gateway ended each time that it was at work on it: have it looked at before you retry"
_OTHER_UID = "its header has another SOP Instance UID than it was sent with: have it exported once more"


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How objects are processed.

    Attributes:
        run_id: Id of the run that takes the eyes.
        model_sha256: SHA-256 of its file.
        max_attempts: How often an object is tried.
        ae_title: AE title of the gateway.
    """

    run_id: str
    model_sha256: str
    max_attempts: int
    ae_title: str


@dataclass(frozen=True, slots=True)
class Names:
    """What stands for patients outside of the spool, who is behind it, and who is told what came of whom."""

    pseudonyms: Pseudonyms
    identities: IdentityMap
    audit: AuditLog


class Worker:
    """Processes the objects of a spool, until it is stopped; one thread, of this process alone."""

    def __init__(
        self,
        spool: Spool,
        assigner: Assigner,
        names: Names,
        results: JsonLines,
        options: WorkerOptions,
        metrics: GatewayMetrics,
    ) -> None:
        self._spool = spool
        self._index = spool.index
        self._assigner = assigner
        self._names = names
        self._results = results
        self._options = options
        self._metrics = metrics
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Asks ``run`` to return after the objects at work."""
        self._stopping.set()
        self._spool.came.set()

    def run(self) -> None:
        """Processes until ``stop`` is called."""
        self._results.write_unwritten(self._index)
        with kept_workers():
            while not self._stopping.is_set():
                if not self.process_next():
                    self._spool.came.wait(_LOOK_SECONDS)
                    self._spool.came.clear()

    def process_next(self) -> bool:
        """Processes the objects that are due, some at once; says whether there were any."""
        due = self._index.list_due(_OBJECTS_AT_ONCE)
        fresh = [entry for entry in due if entry.instance.attempts == 0]
        # What failed before is tried alone, so that it takes no other object with it.
        batch = [self._spool.stored(entry) for entry in (fresh or due[:1])]
        if not batch:
            return False
        if batch[0].instance.attempts >= self._options.max_attempts:
            self._quarantine(batch[0].instance, _ENDED)
            return True
        begin = time.monotonic()
        self._index.begin([stored.instance.spool_id for stored in batch])
        outcome = self._process(batch)
        self._results.write_unwritten(self._index)
        for _ in batch:
            self._metrics.count_processed(outcome, (time.monotonic() - begin) / len(batch))
        return True

    def _process(self, batch: Sequence[StoredFile]) -> str:
        """Processes objects; returns the outcome for people."""
        try:
            headers = self._read_headers(batch)
            batch = [stored for stored in batch if stored.instance.spool_id in headers]
            placed = self._assigner.assign(batch) if batch else {}
        except ServiceAway as error:
            self._postpone(batch, str(error))
            return "service away"
        except OSError as error:
            self._postpone(batch, f"the disk of the spool: {error.strerror}")
            return "disk"
        except Exception as error:
            if not isinstance(error, Unprocessable):
                _logger.error("objects could not be processed: %s", describe_fault(error))
            if len(batch) > 1:
                for stored in batch:
                    self._index.postpone(stored.instance.spool_id, 0.0, "")
                return "tried one by one"
            reason = str(error) if isinstance(error, Unprocessable) else _FAULT
            self._quarantine(batch[0].instance, reason)
            return "failed"
        for stored in batch:
            self._finish(
                stored.instance,
                headers[stored.instance.spool_id],
                placed.get(stored.instance.spool_id, Placed(failure=_FAULT)),
            )
        return "processed"

    def _read_headers(self, batch: Sequence[StoredFile]) -> dict[int, Header]:
        """The headers of objects by their numbers; objects without a good one go into quarantine."""
        headers = {}
        for stored in batch:
            instance = stored.instance
            try:
                header = read_header(stored.path)
                if header.sop_instance != instance.sop_instance:
                    raise Unprocessable(_OTHER_UID)
            except Unprocessable as error:
                self._quarantine(instance, str(error))
                continue
            headers[instance.spool_id] = header
        known = [(stored.instance, headers.get(stored.instance.spool_id)) for stored in batch]
        objects = [(instance, header) for instance, header in known if header is not None]
        # An object without the name of its study was not accounted for before.
        for event in account_objects((pair for pair in objects if not pair[0].study), self._options.ae_title):
            self._names.audit.record(event)
        for instance, header in objects:
            self._remember(instance, header)
        return headers

    def _remember(self, instance: Instance, header: Header) -> None:
        """Keeps who is behind the pseudonyms, before one of them leaves."""
        pseudonyms, identities = self._names.pseudonyms, self._names.identities
        patient = pseudonyms.patient(header.patient) if header.patient else ""
        self._index.note_names(instance.spool_id, patient, header.study, header.series)
        if patient:
            known = {
                "PatientID": header.patient_id,
                "IssuerOfPatientID": header.issuer,
                "PatientName": header.patient_name,
                "PatientBirthDate": header.birth_date,
            }
            identities.remember(patient, Identity("patient", known))
        identities.remember(
            pseudonyms.study(header.study), Identity("study", {"StudyInstanceUID": header.study})
        )

    def _finish(self, instance: Instance, header: Header, placed: Placed) -> None:
        if placed.failure:
            self._quarantine(instance, placed.failure)
        elif placed.left_out:
            self._index.finish(instance.spool_id, State.IGNORED, placed.left_out)
            _logger.info("object %d is left out: %s", instance.spool_id, placed.left_out)
        else:
            lines = [
                (str(result.eye or ""), format_result(result))
                for result in self._list_results(instance, header, placed)
            ]
            self._index.finish(instance.spool_id, State.DONE, "", lines)
            count = len(lines)
            _logger.info(
                "object %d is processed: %d eye%s", instance.spool_id, count, "" if count == 1 else "s"
            )

    def _list_results(self, instance: Instance, header: Header, placed: Placed) -> list[EyeResult]:
        pseudonyms = self._names.pseudonyms
        return [
            EyeResult(
                spool_id=instance.spool_id,
                patient=pseudonyms.patient(header.patient) if header.patient else None,
                study=pseudonyms.study(header.study),
                series=pseudonyms.series(header.series),
                instance=pseudonyms.instance(header.sop_instance),
                eye=eye.eye,
                scans=eye.scans,
                failed_scans=eye.failed_scans,
                cluster=eye.cluster,
                margin=eye.margin,
                outlier_share=eye.outlier_share,
                class_name=eye.class_name,
                run_id=self._options.run_id,
                model_sha256=self._options.model_sha256,
                versions=dict(placed.versions),
            )
            for eye in placed.eyes
        ]

    def _postpone(self, batch: Sequence[StoredFile], reason: str) -> None:
        """Tries objects later, or gives up; then pauses, since the next ones would meet the same."""
        wait = 0.0
        for stored in batch:
            attempts = stored.instance.attempts + 1
            if attempts >= self._options.max_attempts:
                self._quarantine(stored.instance, f"tried {attempts} times: {reason}")
                continue
            wait = wait_seconds(attempts)
            self._index.postpone(stored.instance.spool_id, time.time() + wait, reason)
        _logger.warning("%d objects wait for a service: %s", len(batch), reason)
        self._stopping.wait(min(wait, wait_seconds(4)))

    def _quarantine(self, instance: Instance, reason: str) -> None:
        self._index.finish(instance.spool_id, State.QUARANTINED, reason)
        tell_quarantined(instance.spool_id, reason)
