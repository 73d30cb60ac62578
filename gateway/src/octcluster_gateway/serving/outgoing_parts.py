"""What sends reports and audit messages, as far as it is set."""

import ssl
from collections.abc import Callable

from octcluster_serving.addresses import split_address

from octcluster_gateway.audit.syslog import Collector, SyslogSender
from octcluster_gateway.processing.worker import Names
from octcluster_gateway.results.report_sender import ReportSender
from octcluster_gateway.results.sending import Destination
from octcluster_gateway.settings import ServeSettings
from octcluster_gateway.spool.outbox import Outbox
from octcluster_gateway.spool.spool import Spool

Part = tuple[str, Callable[[], None], Callable[[], None]]


def make_outgoing_parts(spool: Spool, settings: ServeSettings, names: Names) -> list[Part]:
    """Makes the senders of reports and of audit messages, those that are set."""
    parts: list[Part] = []
    if settings.reports_to is None:
        Outbox(spool.index, is_open=False)
    else:
        sender = ReportSender(
            spool, names.pseudonyms, _make_destination(settings), names.audit, settings.ae_title
        )
        parts.append(("report sender", sender.run, sender.stop))
    if settings.syslog is not None:
        host, port = split_address(settings.syslog)
        ca = None if settings.syslog_ca is None else str(settings.syslog_ca)
        collector = Collector(host, port, ssl.create_default_context(cafile=ca))
        syslog = SyslogSender(settings.audit_file, collector)
        parts.append(("syslog sender", syslog.run, syslog.stop))
    return parts


def _make_destination(settings: ServeSettings) -> Destination:
    text = str(settings.reports_to)
    ae_title, _, address = text.rpartition("@")
    host, port = split_address(address)
    ca = settings.reports_ca
    tls = None if ca is None else ssl.create_default_context(cafile=str(ca))
    return Destination(text, ae_title, host, port, tls)
