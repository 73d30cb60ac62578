"""``octcluster-gateway audit verify FILE``: whether the audit log is as it was written."""

from octcluster_gateway.audit.chain import Link, verify
from octcluster_gateway.errors import CannotStart
from octcluster_gateway.settings import AuditSettings


def run(arguments: list[str]) -> int:
    """Prints how far the log has come; returns the exit code.

    Raises:
        AuditBroken: A line was changed; the message names it.
    """
    settings = AuditSettings.load(arguments)
    if not settings.file.is_file():
        raise CannotStart(
            f"{settings.file} is no file: give the audit log, audit.jsonl in the spool's folder"
        )
    last = verify(settings.file, None if settings.noted is None else _read_noted(settings.noted))
    print(f"{last.number}:{last.digest}")
    return 0


def _read_noted(text: str) -> Link:
    number, _, digest = text.partition(":")
    return Link(int(number), digest)
