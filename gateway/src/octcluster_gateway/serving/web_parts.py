"""What receives and fetches objects by HTTP, as far as it is set."""

from collections.abc import Callable

from octcluster.clients.security import read_token
from octcluster_serving.tokens import read_tokens

from octcluster_gateway.metrics import GatewayMetrics
from octcluster_gateway.receiving.peers import Peers
from octcluster_gateway.receiving.pulling import Puller, PullOptions
from octcluster_gateway.receiving.stow import StowOptions, StowReceiver
from octcluster_gateway.receiving.tls import make_server_context
from octcluster_gateway.settings import ServeSettings
from octcluster_gateway.spool.spool import Spool

Part = tuple[str, Callable[[], None], Callable[[], None]]
"""A part of the gateway, which has a thread: its name, what it does, and what ends that."""


def make_web_parts(
    spool: Spool,
    settings: ServeSettings,
    metrics: GatewayMetrics,
    account: Callable[[str, str, str], None],
) -> list[Part]:
    """Makes the receiver of STOW-RS and the puller, those that are set.

    Args:
        spool: Where objects go.
        settings: What is set.
        metrics: Counts the requests.
        account: Is told of each sender that shows no good token: see ``StowOptions.on_stranger``.

    Raises:
        CannotListen: An address is in use or not this machine's.
        UnusableFile: The tokens cannot be read.
    """
    parts: list[Part] = []
    if settings.stow_listen is not None:
        tokens = {} if settings.stow_token_file is None else read_tokens(settings.stow_token_file)
        options = StowOptions(
            listen=settings.stow_listen,
            peers=Peers(settings.peer_list),
            tokens=tokens,
            tls=None if settings.tls is None else make_server_context(settings.tls),
            max_connections=settings.max_connections,
            timeout_seconds=settings.timeout_seconds,
            on_stranger=account,
        )
        stow = StowReceiver(spool, options, metrics)
        parts.append(("STOW receiver", stow.serve, lambda: stow.stop(settings.grace_seconds)))
    if settings.pull_url is not None:
        pull = PullOptions(
            url=settings.pull_url,
            token=None if settings.pull_token_file is None else read_token(settings.pull_token_file),
            ca=settings.pull_ca,
            days=settings.pull_days,
            every_seconds=settings.pull_seconds,
            timeout_seconds=settings.timeout_seconds,
        )
        puller = Puller(spool, pull)
        parts.append(("puller", puller.run, puller.stop))
    return parts
