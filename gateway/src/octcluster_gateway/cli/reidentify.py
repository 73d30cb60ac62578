"""``octcluster-gateway reidentify PSEUDONYM...``: who is behind pseudonyms; the audit log is told first."""

import json
import sys

from octcluster_gateway.audit.accounts import account_lookup
from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.cli.users import current_user
from octcluster_gateway.command_settings import ReidentifySettings
from octcluster_gateway.errors import CannotStart
from octcluster_gateway.pseudonyms.identity_map import IdentityMap
from octcluster_gateway.spool.opening import IDENTITIES_NAME


def run(arguments: list[str]) -> int:
    """Prints each identity as JSON; returns the exit code, 1 if one is not known.

    Raises:
        GatewayError: The map or the audit log cannot be used.
    """
    settings = ReidentifySettings.load(arguments)
    path = settings.spool / IDENTITIES_NAME
    if not path.is_file():
        raise CannotStart(f"--spool {settings.spool} has no map of identities: give the folder of 'serve'")
    missing = 0
    with AuditLog(settings.audit_file) as log, IdentityMap(path, settings.read_map_key()) as identities:
        for pseudonym in settings.pseudonyms:
            identity = identities.find(pseudonym)
            values = {} if identity is None else identity.values
            log.record(account_lookup(current_user(), pseudonym, values))
            if identity is None:
                missing += 1
                print(f"octcluster-gateway: {pseudonym} is not in the map", file=sys.stderr)
            else:
                print(json.dumps({"pseudonym": pseudonym, "kind": identity.kind, **values}))
    return 1 if missing else 0
