"""A DICOM server of the gateway within a test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from octcluster_gateway.metrics import GatewayMetrics
from octcluster_gateway.receiving.commitment import Commitment
from octcluster_gateway.receiving.connections import ConnectionLimits
from octcluster_gateway.receiving.dimse import DimseReceiver, ReceiverOptions
from octcluster_gateway.receiving.peers import Peers
from octcluster_gateway.spool.spool import Spool, SpoolLimits
from processes import free_port

LIMITS = SpoolLimits(min_free_bytes=1 << 20, max_object_bytes=64 << 20)
OPTIONS = ReceiverOptions("", "OCTCLUSTER", Peers(), None, ConnectionLimits(32, 20.0, 1 << 18))


@dataclass
class Receiving:
    """A server, its spool and its port."""

    receiver: DimseReceiver
    spool: Spool
    port: int
    metrics: GatewayMetrics

    def files(self, folder: str) -> list[Path]:
        """The files in a folder of the spool."""
        return sorted((self.spool.folder / folder).iterdir())


@contextmanager
def receiving(
    folder: Path, options: ReceiverOptions = OPTIONS, limits: SpoolLimits = LIMITS, *, keeps_all: bool = True
) -> Iterator[Receiving]:
    """Serves on a free port while the block runs."""
    port = free_port()
    spool = Spool(folder, limits)
    metrics = GatewayMetrics()
    try:
        commitment = Commitment(spool, options.ae_title, keeps_all=keeps_all)
        receiver = DimseReceiver(spool, replace(options, listen=f"127.0.0.1:{port}"), metrics, commitment)
        thread = threading.Thread(target=receiver.serve)
        thread.start()
        try:
            yield Receiving(receiver, spool, port, metrics)
        finally:
            receiver.stop(5)
            thread.join()
    finally:
        spool.close()
