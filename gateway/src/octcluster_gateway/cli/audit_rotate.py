"""``octcluster-gateway audit rotate FILE``: moves the audit log away, and goes on in a new one."""

from octcluster_gateway.audit.accounts import account_change
from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.cli.users import current_user
from octcluster_gateway.command_settings import RotateSettings
from octcluster_gateway.errors import CannotStart


def run(arguments: list[str]) -> int:
    """Prints how far the file that is moved away has come; returns the exit code.

    Raises:
        CannotStart: There is no log, or lines of it still wait for the collector.
    """
    settings = RotateSettings.load(arguments)
    path, moved_to = settings.audit_file, settings.file
    if not path.is_file():
        raise CannotStart(f"{path} is no file: give the --spool or the --audit-log of 'serve'")
    event = account_change(current_user(), "a new file of the audit log begins", path.name)
    try:
        with AuditLog(path) as log:
            last = log.rotate(moved_to, event)
    except OSError as error:
        raise CannotStart(
            f"the log cannot be moved to {moved_to} ({error.strerror}): name a file that is not there yet, "
            "on the same disk"
        ) from error
    print(f"{last.number}:{last.digest}")
    return 0
