"""``octcluster-gateway pull``: asks an archive once, also while a gateway serves."""

from octcluster.clients.security import read_token
from octcluster_serving.logs import set_up_logs

from octcluster_gateway.command_settings import PullSettings
from octcluster_gateway.errors import ServiceAway
from octcluster_gateway.receiving.pulling import Puller, PullOptions
from octcluster_gateway.spool.guest import GuestSpool
from octcluster_gateway.spool.spool import SpoolLimits


def run(arguments: list[str]) -> int:
    """Fetches what is new, and prints the number of objects that are kept; returns the exit code.

    Raises:
        GatewayError: The archive does not answer, or the spool cannot be used. What was fetched is kept.
    """
    settings = PullSettings.load(arguments)
    set_up_logs("warning", "text", silent=("pydicom", "pynetdicom"))
    spool = GuestSpool(settings.spool, SpoolLimits(settings.min_free_bytes, settings.max_object_bytes))
    try:
        options = PullOptions(
            url=settings.pull_url,
            token=None if settings.pull_token_file is None else read_token(settings.pull_token_file),
            ca=settings.pull_ca,
            days=settings.pull_days,
            every_seconds=0.0,
            timeout_seconds=settings.timeout_seconds,
        )
        print(Puller(spool, options).pull())
    except ServiceAway as error:
        raise ServiceAway(f"{error}: what was fetched is kept; look at the archive, and pull again") from None
    finally:
        spool.close()
    return 0
