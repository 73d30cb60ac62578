"""``octcluster-gateway audit verify FILE...``: whether the audit log is as it was written."""

from octcluster_gateway.audit.chain import Link, verify_files
from octcluster_gateway.command_settings import AuditSettings
from octcluster_gateway.errors import CannotStart


def run(arguments: list[str]) -> int:
    """Prints how far the log has come; returns the exit code.

    Raises:
        AuditBroken: A line was changed; the message names it.
    """
    settings = AuditSettings.load(arguments)
    for file in settings.files:
        if not file.is_file():
            raise CannotStart(f"{file} is no file: give the audit log, audit.jsonl in the spool's folder")
    last = verify_files(settings.files, _read(settings.noted), _read(settings.after))
    print(f"{last.number}:{last.digest}")
    return 0


def _read(text: str | None) -> Link | None:
    if text is None:
        return None
    number, _, digest = text.partition(":")
    return Link(int(number), digest)
