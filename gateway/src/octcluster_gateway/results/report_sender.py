"""Makes the report of each result, and sends it to one PACS."""

import json
from dataclasses import fields

from octcluster_gateway.audit.accounts import account_report
from octcluster_gateway.audit.events import Patient, Study
from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.model import EyeResult
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from octcluster_gateway.results.outbox_sender import OutboxSender
from octcluster_gateway.results.sending import Destination, send
from octcluster_gateway.results.structured_report import make_report
from octcluster_gateway.spool.outbox import REPORTS, Outbox, Waiting
from octcluster_gateway.spool.reading import read_object
from octcluster_gateway.spool.spool import Spool


class ReportSender(OutboxSender):
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
        super().__init__(Outbox(spool.index, REPORTS, is_open=True), self._send_report, "report")
        self._spool = spool
        self._pseudonyms = pseudonyms
        self._destination = destination
        self._audit = audit
        self._ae_title = ae_title

    def _send_report(self, waiting: Waiting) -> None:
        evidence = read_object(self._spool.stored(waiting.entry).path)
        result = read_result(self._spool.index.get_line(waiting.number))
        report = make_report(evidence, result, self._pseudonyms)
        send(report, self._destination, self._ae_title)
        study = Study(str(report.StudyInstanceUID), {str(report.SOPClassUID): (str(report.SOPInstanceUID),)})
        patient = Patient(str(report.PatientID or ""), str(report.PatientName or ""))
        self._audit.record(account_report(self._ae_title, self._destination.ae_title, study, patient))


def read_result(line: str) -> EyeResult:
    """A result from its line in ``eyes.jsonl``."""
    told = json.loads(line)
    return EyeResult(**{field.name: told[field.name] for field in fields(EyeResult)})
