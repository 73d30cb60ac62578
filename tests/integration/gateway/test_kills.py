"""Nothing that was acknowledged is lost or comes twice, wherever the gateway ends and whatever is away."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gateways import Gateway
from loss_trial import MortalEmbedder, TrialOptions, run_trial, write_trial_objects
from processes import Server
from stores import Store

_OBJECTS = 120


def test_kills_and_outages_while_eight_senders_push(
    start_gateway: Callable[..., Gateway], pixel_run: Path, clusterer: Server, store: Store, tmp_path: Path
) -> None:
    options = TrialOptions(senders=8, kills=5, away_seconds=0.0, seed=time.time_ns())
    print(f"seed {options.seed}")
    files = write_trial_objects(tmp_path / "files", _OBJECTS)
    with tempfile.TemporaryDirectory(prefix="oct-", dir="/tmp") as folder:
        embedder = MortalEmbedder(f"unix:{folder}/embedder.sock", tmp_path / "models")
        embedder.start()
        try:
            services = ["--embedder", embedder.address, "--clusterer", clusterer.address]
            gateway = start_gateway(pixel_run, services)
            account = run_trial(gateway, files, embedder, store, options)
            assert gateway.stop() == 0
        finally:
            embedder.stop()
    assert account.broken == []
    assert (account.acknowledged, account.results, account.quarantined) == (_OBJECTS, _OBJECTS - 2, 2)
