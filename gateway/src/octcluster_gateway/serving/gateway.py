"""Builds the gateway and serves it, with an orderly end.

receiver ─▶ spool ─▶ worker ─▶ results
              ▲
         housekeeping: metrics, files of processed objects
"""

import logging
import math
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from octcluster.model.errors import InvalidArguments
from octcluster.workflows.assign import AssignOptions
from octcluster.workflows.finished_runs import FinishedRun, find_run
from octcluster_serving.logs import describe_fault
from octcluster_serving.metrics import serving_metrics

from octcluster_gateway.audit.accounts import account_start, account_stop
from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.audit.strangers import Strangers
from octcluster_gateway.errors import CannotStart
from octcluster_gateway.metrics import GatewayMetrics
from octcluster_gateway.processing.assigning import Assigner
from octcluster_gateway.processing.worker import Names, Worker, WorkerOptions
from octcluster_gateway.pseudonyms.identity_map import IdentityMap
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from octcluster_gateway.receiving.commitment import Commitment
from octcluster_gateway.receiving.connections import ConnectionLimits
from octcluster_gateway.receiving.dimse import DimseReceiver, ReceiverOptions
from octcluster_gateway.receiving.peers import Peers
from octcluster_gateway.receiving.tls import make_client_context, make_server_context
from octcluster_gateway.results.json_lines import JsonLines
from octcluster_gateway.results.table_keeper import TableKeeper, can_write_tables
from octcluster_gateway.serving.housekeeping import Housekeeping
from octcluster_gateway.serving.outgoing_parts import make_outgoing_parts
from octcluster_gateway.serving.web_parts import Part, make_web_parts
from octcluster_gateway.settings import ServeSettings
from octcluster_gateway.spool.opening import IDENTITIES_NAME
from octcluster_gateway.spool.spool import Spool, SpoolLimits

_logger = logging.getLogger(__name__)


def serve(settings: ServeSettings) -> None:
    """Serves until SIGTERM or SIGINT.

    Raises:
        GatewayError: It cannot start; the message says what to do.
    """
    threading.excepthook = _tell_fault
    metrics = GatewayMetrics()
    run = _find_run(settings.run)
    with ExitStack() as stack:
        spool = Spool(settings.spool, SpoolLimits(settings.min_free_bytes, settings.max_object_bytes))
        stack.callback(spool.close)
        results = JsonLines(settings.results)
        stack.callback(results.close)
        if settings.metrics_listen is not None:
            stack.enter_context(serving_metrics(metrics, settings.metrics_listen, settings.tls))
        names = _open_names(settings, stack)
        options = _service_options(settings, names.pseudonyms)
        span = _open_tracer(settings, stack)
        assigner = Assigner(run, options, settings.spool / "work", spool.index.note_image_keys, span)
        worker = Worker(spool, assigner, names, results, _worker_options(run, settings), metrics)
        keep_days = math.inf if settings.commit_storage else settings.keep_processed_days
        housekeeping = Housekeeping(spool, keep_days, names, settings.ae_title, metrics)
        commitment = _make_commitment(spool, settings)
        stack.callback(commitment.stop)
        account = Strangers(settings.ae_title, names.audit).account
        receiver = DimseReceiver(spool, _receiver_options(settings, account), metrics, commitment)
        names.audit.record(account_start(settings.ae_title))
        stack.callback(lambda: names.audit.record(account_stop(settings.ae_title)))
        parts: list[Part] = [
            ("housekeeping", housekeeping.run, housekeeping.stop),
            ("worker", worker.run, worker.stop),
            ("receiver", receiver.serve, lambda: receiver.stop(settings.grace_seconds)),
            *make_web_parts(spool, settings, metrics, account),
            *make_outgoing_parts(spool, settings, names),
            *_make_table_part(settings),
        ]
        _run_until_signal(stack, parts)
        _logger.info("stopping: associations have %g s", settings.grace_seconds)
    _logger.info("stopped")


def _make_table_part(settings: ServeSettings) -> list[Part]:
    if not settings.parquet_seconds:
        return []
    if not can_write_tables():
        _logger.warning("no eyes.parquet is made: pip install 'octcluster-gateway[parquet]'")
        return []
    keeper = TableKeeper(settings.results, settings.parquet_seconds)
    return [("table", keeper.run, keeper.stop)]


def _run_until_signal(stack: ExitStack, parts: Sequence[Part]) -> None:
    """Runs all parts until a signal, or until one of them ends; the stack stops them."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    for name, work, stop in parts:
        thread = threading.Thread(target=_end_with, args=(asked, name, work), name=name)
        thread.start()
        stack.callback(thread.join)
        stack.callback(stop)
    asked.wait()


def _tell_fault(arguments: threading.ExceptHookArgs) -> None:
    """Logs an error that ends a thread of pynetdicom, and so an association, without what the peer sent."""
    if arguments.exc_value is not None:
        _logger.error("an association failed: %s", describe_fault(arguments.exc_value))


def _open_names(settings: ServeSettings, stack: ExitStack) -> Names:
    identities = IdentityMap(settings.spool / IDENTITIES_NAME, settings.read_map_key())
    stack.enter_context(identities)
    audit = stack.enter_context(AuditLog(settings.audit_file))
    return Names(Pseudonyms(settings.read_secret()), identities, audit)


def _open_tracer(settings: ServeSettings, stack: ExitStack) -> Callable[..., AbstractContextManager[object]]:
    if settings.otlp_endpoint is None:
        return lambda *_, **__: nullcontext()
    from octcluster_serving.tracing import WorkTracer, open_collector  # noqa: PLC0415 - seldom asked for

    tracer = WorkTracer(
        open_collector(settings.otlp_endpoint), "octcluster-gateway", version("octcluster-gateway")
    )
    stack.callback(tracer.close)
    return tracer.span


def _make_commitment(spool: Spool, settings: ServeSettings) -> Commitment:
    tls = None if settings.tls is None else make_client_context(settings.tls)
    return Commitment(spool, settings.ae_title, tls, keeps_all=settings.commit_storage)


def _end_with(asked: threading.Event, name: str, work: Callable[[], None]) -> None:
    """Ends the gateway with any of its parts: a supervisor starts it again, and nothing is lost."""
    try:
        work()
    except Exception as error:
        _logger.error("the %s failed: %s", name, describe_fault(error))
    finally:
        asked.set()


def _find_run(path: Path) -> FinishedRun:
    try:
        run = find_run(str(path))
    except InvalidArguments as error:
        raise CannotStart(f"--run: {error}") from error
    if run.model is None:
        raise CannotStart(f"--run: {path} has no model.npz: give a run that has one")
    return run


def _worker_options(run: FinishedRun, settings: ServeSettings) -> WorkerOptions:
    return WorkerOptions(
        run.run_id, run.model.digest if run.model else "", settings.max_attempts, settings.ae_title
    )


def _service_options(settings: ServeSettings, pseudonyms: Pseudonyms) -> AssignOptions:
    options = AssignOptions(
        embedder=settings.embedder,
        embedder_tls=settings.services_tls,
        embedder_token=settings.embedder_token,
        clusterer=settings.clusterer,
        clusterer_tls=settings.services_tls,
        clusterer_token=settings.clusterer_token,
    )
    return options if options.key_secret else replace(options, key_secret=pseudonyms.image_key_secret())


def _receiver_options(settings: ServeSettings, account: Callable[[str, str, str], None]) -> ReceiverOptions:
    return ReceiverOptions(
        listen=settings.listen,
        ae_title=settings.ae_title,
        peers=Peers(settings.peer_list),
        tls=None if settings.tls is None else make_server_context(settings.tls),
        limits=ConnectionLimits(settings.max_connections, settings.timeout_seconds, settings.max_pdu_bytes),
        on_stranger=account,
    )
