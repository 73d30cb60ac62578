"""The services of a job: those that were named, and those that are started for it and end with it."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from octcluster.clients.clusterer import ClustererClient
from octcluster.clients.embedder import EmbedderClient
from octcluster.clients.security import Tls
from octcluster.clients.tracing import begin_trace
from octcluster.images.keys import key_secret_from_environment
from octcluster.local.options import LocalStackOptions
from octcluster.local.stack import START_SECONDS, LocalStack
from octcluster.model.errors import OctclusterError, ServerUnavailable
from octcluster.model.progress import Progress
from octcluster.workflows.stages import Stages

_CONNECT_SECONDS = 20.0
# A server that is starting binds its port within seconds; a wrong address should be told soon.
_REFUSED_SECONDS = 5.0
# Services that were started before take two or three.
_LONG_START_SECONDS = 8.0
_OUTAGE_SECONDS = 120.0
_CANCEL_SECONDS = 3.0


@dataclass(frozen=True)
class ServiceOptions:
    """Which services a job uses.

    Attributes:
        model: Name of the embedder's model.
        embedder: Address of an embedder, or several with commas between; None: start one for this job.
        embedder_tls: How the connection to that embedder is secured; None: it is not.
        embedder_token: What that embedder wants to see; None: nothing.
        clusterer: Address of a clusterer; None: start one for this job, with its own vector cache.
        clusterer_tls: How the connection to that clusterer is secured; None: it is not.
        clusterer_token: What that clusterer wants to see; None: nothing.
        cache_dir: Where services that this job starts keep vectors, runs and models; None: the user's cache
            folder.
        weights: Weights file for an embedder that this job starts; None: the model's own source.
        weights_sha256: SHA-256 that the weights must have, as hexadecimal digits; None: the pinned one.
        renew_cache: Whether a damaged cache of services that this job starts is set aside, to start anew.
        store_url: Where a clusterer that this job starts keeps vectors as Parquet files; None: in its cache.
        model_file: The file of the model, if it is one of the user's own; see ``local.own_model``.
        key_secret: The site's secret for image keys.
    """

    model: str = "efficientnet-lite0"
    embedder: str | None = None
    embedder_tls: Tls | None = None
    embedder_token: str | None = field(default=None, repr=False)
    clusterer: str | None = None
    clusterer_tls: Tls | None = None
    clusterer_token: str | None = field(default=None, repr=False)
    cache_dir: Path | None = None
    weights: Path | None = None
    weights_sha256: str | None = None
    renew_cache: bool = False
    store_url: str | None = None
    model_file: Path | None = None
    key_secret: bytes = field(default_factory=key_secret_from_environment, repr=False)


@contextlib.contextmanager
def started_services(
    options: ServiceOptions, progress: Progress, *, embedder: bool = True, clusterer: bool = True
) -> Iterator[LocalStack | None]:
    """Starts the services that have no address, if there are any, while the block runs.

    Args:
        options: Which services have an address, and how to start the others.
        progress: Told what the start waits for.
        embedder: Whether the job needs an embedder.
        clusterer: Whether the job needs a clusterer.
    """
    embedder = embedder and options.embedder is None
    clusterer = clusterer and options.clusterer is None
    if not (embedder or clusterer):
        yield None
        return
    stack_options = LocalStackOptions(
        cache_dir=options.cache_dir,
        embedder=embedder,
        clusterer=clusterer,
        model=str(options.model_file or options.model),
        weights=options.weights,
        weights_sha256=options.weights_sha256,
        renew_cache=options.renew_cache,
        store_url=options.store_url,
    )
    with LocalStack(stack_options, progress) as stack:
        yield stack


def find_not_kept(stack: LocalStack | None, told: str = "") -> str:
    """Says, once services that were started have ended, why what the clusterer got may be lost.

    Args:
        stack: The services that were started.
        told: What the clusterer said; one that was started here saves at its end, and only that counts.

    Returns:
        The reason and the cure, for people; empty if all is kept.
    """
    return told if stack is None or not stack.clusterer_address else stack.unsaved


@contextlib.contextmanager
def connected_clients(
    options: ServiceOptions, stack: LocalStack | None, stages: Stages, traceparent: str | None = None
) -> Iterator[tuple[EmbedderClient, ClustererClient]]:
    """Connects to both services, once they serve, while the block runs; in a trace, or a new one."""
    with contextlib.ExitStack() as clients:
        with stages.timed("starting"):
            connector = _Connector(options, stack, stages, traceparent)
            embedder = clients.enter_context(connector.open_embedder())
            clusterer = clients.enter_context(connector.open_clusterer())
            connector.wait(embedder, options.embedder)
            connector.wait(clusterer, options.clusterer)
        yield embedder, clusterer


@contextlib.contextmanager
def connected_clusterer(
    options: ServiceOptions, stack: LocalStack | None, stages: Stages
) -> Iterator[ClustererClient]:
    """Connects to the clusterer, once it serves, while the block runs."""
    with contextlib.ExitStack() as clients:
        with stages.timed("starting"):
            connector = _Connector(options, stack, stages)
            clusterer = clients.enter_context(connector.open_clusterer())
            connector.wait(clusterer, options.clusterer)
        yield clusterer


def check_addresses(options: ServiceOptions, stages: Stages) -> str:
    """Makes sure that the services that were named serve, before a long time goes into anything else.

    Returns:
        The trace that these calls belong to, for those of the job.

    Raises:
        ServerUnavailable: One of them does not.
        ServiceError: It refuses this client, or is something else.
    """
    connector = _Connector(options, None, stages)
    with contextlib.ExitStack() as clients:
        # Certificates and tokens are read before anything is waited for.
        named: list[tuple[EmbedderClient | ClustererClient, str]] = []
        if options.embedder is not None:
            named.append((clients.enter_context(connector.open_embedder()), options.embedder))
        if options.clusterer is not None:
            named.append((clients.enter_context(connector.open_clusterer()), options.clusterer))
        for client, address in named:
            connector.wait(client, address)
    return connector.traceparent


class _Connector:
    """Connects a job to its services, once those that it started listen."""

    def __init__(
        self,
        options: ServiceOptions,
        stack: LocalStack | None,
        stages: Stages,
        traceparent: str | None = None,
    ) -> None:
        self._options = options
        self._stack = stack
        self._stages = stages
        self.traceparent = traceparent or begin_trace()
        self._explained = False
        if stack is not None:
            stages.begin("Starting", 0, "services")
            stack.wait_until_started()

    def open_embedder(self) -> EmbedderClient:
        """A client of the embedder, which may not serve yet."""
        options = self._options
        return EmbedderClient(
            options.embedder or (self._stack.embedder_address if self._stack else ""),
            retry_seconds=_OUTAGE_SECONDS,
            on_wait=self._on_wait,
            tls=options.embedder_tls,
            token=options.embedder_token,
            traceparent=self.traceparent,
        )

    def open_clusterer(self) -> ClustererClient:
        """The same of the clusterer."""
        options = self._options
        return ClustererClient(
            options.clusterer or (self._stack.clusterer_address if self._stack else ""),
            retry_seconds=_OUTAGE_SECONDS,
            on_wait=self._on_wait,
            tls=options.clusterer_tls,
            token=options.clusterer_token,
            traceparent=self.traceparent,
        )

    def wait(self, client: EmbedderClient | ClustererClient, given: str | None) -> None:
        """Waits until a service serves; where nothing listens at an address that was given, not for long."""
        if given is None:
            began = time.monotonic()
            client.wait_until_serving(START_SECONDS, lambda _: self._on_start(time.monotonic() - began))
            return
        try:
            client.wait_until_serving(_REFUSED_SECONDS, self._on_wait)
        except ServerUnavailable as error:
            if error.nothing_listens:
                raise
            client.wait_until_serving(_CONNECT_SECONDS - _REFUSED_SECONDS, self._on_wait)

    def _on_start(self, seconds: float) -> None:
        self._check()
        if seconds >= _LONG_START_SECONDS and not self._explained:
            self._explained = True
            self._stages.message(
                "the services are still starting: with a new model the first start takes a minute or two, to "
                "fetch the weights and convert them for this machine; later ones take seconds"
            )

    def _check(self) -> None:
        if self._stack is not None:
            self._stack.check()

    def _on_wait(self, text: str) -> None:
        self._check()
        self._stages.message(text)


def cancel_run(options: ServiceOptions, address: str, run_id: str) -> None:
    """Tells a clusterer, in short, not to work for nobody; it may be away.

    Args:
        options: How the clusterer is reached.
        address: Where it is.
        run_id: The run that nobody waits for.
    """
    with (
        contextlib.suppress(OctclusterError),
        ClustererClient(
            address,
            timeout_seconds=_CANCEL_SECONDS,
            retry_seconds=0,
            tls=options.clusterer_tls,
            token=options.clusterer_token,
        ) as clusterer,
    ):
        clusterer.cancel(run_id)
