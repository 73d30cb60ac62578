"""Makes the report of each result and sends it to one destination, again and again until it is there."""

import json
import logging
import threading
import time
from dataclasses import fields

from octcluster_serving.logs import describe_fault
from pydicom import dcmread

from octcluster_gateway.audit.accounts import account_report
from octcluster_gateway.audit.events import Patient, Study
from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.errors import NotSent
from octcluster_gateway.model import EyeResult
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from octcluster_gateway.results.sending import Destination, send
from octcluster_gateway.results.structured_report import make_report
from octcluster_gateway.spool.outbox import Outbox, WaitingReport
from octcluster_gateway.spool.spool import Spool

_logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 600.0
_NO_REPORT = "no report can be made of its object, see the log"


class ReportSender:
    """Sends the reports of one spool, until it is stopped.

    Args:
        spool: The spool, with the objects that the results are about.
        pseudonyms: What makes the reports' UIDs.
        destination: Where they go.
        audit: Is told what went out, of whom.
        ae_title: AE title of the gateway.
    """

    def __init__(
        self, spool: Spool, pseudonyms: Pseudonyms, destination: Destination, audit: AuditLog, ae_title: str
    ) -> None:
        self._spool = spool
        self._outbox = Outbox(spool.index, is_open=True)
        self._pseudonyms = pseudonyms
        self._destination = destination
        self._audit = audit
        self._ae_title = ae_title
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Asks ``run`` to return after the report at work."""
        self._stopping.set()

    def run(self) -> None:
        """Sends until ``stop`` is called."""
        while not self._stopping.is_set():
            for waiting in self._outbox.list_due():
                if self._stopping.is_set():
                    return
                self._handle(waiting)
            self._stopping.wait(_LOOK_SECONDS)

    def _handle(self, waiting: WaitingReport) -> None:
        try:
            self._send(waiting)
        except NotSent as error:
            pause = min(2.0**waiting.attempts, _LONGEST_PAUSE_SECONDS)
            self._outbox.postpone(waiting.number, time.time() + pause, str(error))
            _logger.warning("report %d waits: %s", waiting.number, error)
            # A destination that is away would refuse the next ones as well.
            self._stopping.wait(min(pause, _LOOK_SECONDS))
        except Exception as error:
            self._outbox.give_up(waiting.number, _NO_REPORT)
            _logger.error("no report of result %d: %s", waiting.number, describe_fault(error))
        else:
            self._outbox.note_sent(waiting.number)

    def _send(self, waiting: WaitingReport) -> None:
        evidence = dcmread(self._spool.stored(waiting.entry).path, stop_before_pixels=True)
        report = make_report(evidence, read_result(waiting.line), self._pseudonyms)
        send(report, self._destination, self._ae_title)
        study = Study(str(report.StudyInstanceUID), {str(report.SOPClassUID): (str(report.SOPInstanceUID),)})
        patient = Patient(str(report.PatientID or ""), str(report.PatientName or ""))
        self._audit.record(account_report(self._ae_title, self._destination.ae_title, study, patient))


def read_result(line: str) -> EyeResult:
    """A result from its line in ``eyes.jsonl``."""
    told = json.loads(line)
    return EyeResult(**{field.name: told[field.name] for field in fields(EyeResult)})
