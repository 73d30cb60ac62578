"""``octcluster-gateway rekey``: seals the map of identities with another key."""

from octcluster_gateway.audit.accounts import account_change
from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.cli.users import current_user
from octcluster_gateway.command_settings import RekeySettings
from octcluster_gateway.errors import CannotStart
from octcluster_gateway.pseudonyms.identity_map import IdentityMap
from octcluster_gateway.spool.opening import IDENTITIES_NAME
from octcluster_gateway.spool.spool import Spool, SpoolLimits


def run(arguments: list[str]) -> int:
    """Seals each identity anew, all or none, and prints their number; returns the exit code.

    Raises:
        GatewayError: The gateway serves, or the key is not the map's.
    """
    settings = RekeySettings.load(arguments)
    path = settings.spool / IDENTITIES_NAME
    if not path.is_file():
        raise CannotStart(f"--spool {settings.spool} has no map of identities: give the folder of 'serve'")
    spool = Spool(settings.spool, SpoolLimits(min_free_bytes=0, max_object_bytes=0))
    try:
        with AuditLog(settings.audit_file) as log, IdentityMap(path, settings.read_map_key()) as identities:
            what = "the map of identities was sealed with another key"
            log.record(account_change(current_user(), what, IDENTITIES_NAME))
            print(identities.seal_anew(settings.read_new_map_key()))
    finally:
        spool.close()
    return 0
