"""Where a Dask scheduler is; light, for settings and health checks read it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SchedulerPlace:
    """Where a scheduler listens, and what it is spoken to with.

    Attributes:
        address: ``tls://HOST:PORT``, or ``tcp://HOST:PORT`` without TLS.
        ca: Authority of the certificates of all parts of the cluster, PEM; None without TLS, as are:
        cert: Own certificate, PEM.
        key: Its private key, PEM.
    """

    address: str
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
