"""What sends reports, copies and audit messages, as far as it is set."""

import ssl
from collections.abc import Callable
from pathlib import Path

from octcluster_serving.addresses import split_address

from octcluster_gateway.audit.syslog import Collector, SyslogSender
from octcluster_gateway.deidentification.apply import Deidentifier
from octcluster_gateway.processing.worker import Names
from octcluster_gateway.results.copy_sender import CopySender, send_to, write_into
from octcluster_gateway.results.sending import Destination
from octcluster_gateway.settings import ServeSettings
from octcluster_gateway.spool.outbox import COPIES, REPORTS, Outbox
from octcluster_gateway.spool.spool import Spool

Part = tuple[str, Callable[[], None], Callable[[], None]]


def make_outgoing_parts(spool: Spool, settings: ServeSettings, names: Names) -> list[Part]:
    """Makes the senders of reports, of copies and of audit messages, those that are set."""
    parts: list[Part] = []
    if settings.reports_to is None:
        Outbox(spool.index, REPORTS, is_open=False)
    else:
        # Imported here: the library of reports takes a second, and most gateways send none.
        from octcluster_gateway.results.report_sender import ReportSender  # noqa: PLC0415

        destination = _make_destination(settings.reports_to, settings.reports_ca)
        reports = ReportSender(spool, names.pseudonyms, destination, names.audit, settings.ae_title)
        parts.append(("report sender", reports.run, reports.stop))
    if settings.copies_folder is None and settings.copies_to is None:
        Outbox(spool.index, COPIES, is_open=False)
    else:
        copies = _make_copy_sender(spool, settings, names)
        parts.append(("copy sender", copies.run, copies.stop))
    if settings.syslog is not None:
        host, port = split_address(settings.syslog)
        ca = None if settings.syslog_ca is None else str(settings.syslog_ca)
        collector = Collector(host, port, ssl.create_default_context(cafile=ca))
        syslog = SyslogSender(settings.audit_file, collector)
        parts.append(("syslog sender", syslog.run, syslog.stop))
    return parts


def _make_copy_sender(spool: Spool, settings: ServeSettings, names: Names) -> CopySender:
    if settings.copies_to is not None:
        destination = _make_destination(settings.copies_to, settings.copies_ca)
        deliver, receiver = send_to(destination, settings.ae_title), destination.ae_title
    else:
        folder = Path(str(settings.copies_folder)).absolute()
        deliver, receiver = write_into(folder), str(folder)
    deidentifier = Deidentifier(
        names.pseudonyms, settings.copies_profile, settings.copies_refused_model_names
    )
    return CopySender(spool, deidentifier, deliver, names.audit, (settings.ae_title, receiver))


def _make_destination(text: str, ca: Path | None) -> Destination:
    ae_title, _, address = text.rpartition("@")
    host, port = split_address(address)
    tls = None if ca is None else ssl.create_default_context(cafile=str(ca))
    return Destination(text, ae_title, host, port, tls)
