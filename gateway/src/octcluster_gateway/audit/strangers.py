"""Who may not connect, in the audit log: each as often as once a minute, so that nobody can fill the disk."""

import threading
import time

from octcluster_gateway.audit.accounts import account_refusal
from octcluster_gateway.audit.log import AuditLog

_PAUSE_SECONDS = 60.0
_MOST_KNOWN = 1000


class Strangers:
    """Accounts for refused peers. It may be called from any thread.

    Args:
        ae_title: AE title of the gateway.
        audit: Where they are accounted for.
    """

    def __init__(self, ae_title: str, audit: AuditLog) -> None:
        self._ae_title = ae_title
        self._audit = audit
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str, str], tuple[float, int]] = {}

    def account(self, calling: str, address: str, reason: str) -> None:
        """Accounts for a peer that was refused, unless the same was within the last minute.

        Args:
            calling: Its AE title; empty: unknown.
            address: Where it is.
            reason: Why it was refused.
        """
        more = self._count(calling, address, reason)
        if more is None:
            return
        text = f"{reason}; {more} times more before, unlisted" if more else reason
        self._audit.record(account_refusal(self._ae_title, calling, address, text))

    def _count(self, calling: str, address: str, reason: str) -> int | None:
        """How often the same was left out since the last time; None: it is left out once more."""
        name, now = (calling, address, reason), time.monotonic()
        with self._lock:
            at, more = self._known.pop(name, (-_PAUSE_SECONDS, 0))
            is_told = now - at >= _PAUSE_SECONDS
            self._known[name] = (now, 0) if is_told else (at, more + 1)
            while len(self._known) > _MOST_KNOWN:
                del self._known[next(iter(self._known))]
        return more if is_told else None
