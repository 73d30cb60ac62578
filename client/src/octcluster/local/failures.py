"""Why a service that was started for a run has ended, for people."""

from pathlib import Path

from octcluster.local.dump import find_dump_fault

_CURES = {
    "valkey": "if memory or disk space is short, free some, or use a server with --clusterer HOST:PORT",
    "embedder": "if memory or disk space is short, free some, or use a server with --embedder HOST:PORT",
    "clusterer": "if memory is short, free some, or use a server with --clusterer HOST:PORT",
}


def explain_end(program: str, log: str, dump: Path) -> str:
    """Says why a service has ended: its own reason if it gave one at its end, else what may have been.

    Args:
        program: ``valkey``, ``embedder`` or ``clusterer``.
        log: The last lines that it wrote.
        dump: The file in which Valkey keeps vectors and runs.

    Returns:
        The reason and the cure; in a last part the log, unless the reason is what it ends with.
    """
    lines = log.strip().splitlines()
    sign = f"octcluster-{program}: "
    if lines and lines[-1].startswith(sign):
        return f"the {program} that was started for this run has ended: {lines[-1].removeprefix(sign)}"
    if program == "valkey" and (fault := find_dump_fault(dump)):
        return fault.text
    cure = _CURES[program]
    return f"the {program} that was started for this run has ended; {cure}. The end of its log:\n{log}"
