"""Is nothing lost that the gateway acknowledged, while it is killed and its services come and go?

Senders (dcmtk's storescu) push small objects. Meanwhile the gateway is killed (SIGKILL) at random and started
again, the embedder is away for a while, and the store of the clusterer is restarted, empty. In the end, each
acknowledged object must have one result, or lie in the quarantine: some cannot be read.

Prints one JSON line: objects that were acknowledged, with a result and in quarantine; seconds until all were
acknowledged and processed; the promises that were broken. Ends with 1 if there is one.

    .venv/bin/python benchmarks/gateway_losses.py
    .venv/bin/python benchmarks/gateway_losses.py --objects 300 --kills 4 --away-seconds 5
"""

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from gateways import Gateway, make_run
from loss_trial import Account, MortalEmbedder, TrialOptions, run_trial, write_trial_objects
from octcluster import RunOptions
from octcluster.images.phantoms import write_phantoms
from processes import running_service
from stores import started_store

_IMAGES_PER_CLASS = 8


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--away-seconds", type=float, default=60.0, help="how long the embedder is away")
    parser.add_argument("--seed", type=int, default=time.time_ns())
    parser.add_argument("--folder", type=Path, help="where the spool lies: a disk, and no memory")
    arguments = parser.parse_args()
    options = TrialOptions(arguments.senders, arguments.kills, arguments.away_seconds, arguments.seed)
    begin = time.perf_counter()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="oct-", dir=arguments.folder)))
        account = measure(folder, arguments.objects, options, stack)
    told = {
        **{name: value for name, value in vars(arguments).items() if name != "folder"},
        **{name: getattr(account, name) for name in ("acknowledged", "results", "quarantined")},
        "seconds": round(time.perf_counter() - begin),
        "broken": account.broken[:20],
    }
    print(json.dumps(told))
    return 1 if account.broken else 0


def measure(folder: Path, objects: int, options: TrialOptions, stack: ExitStack) -> Account:
    """Starts services, a run and a gateway in a folder, and does the trial."""
    store = stack.enter_context(started_store("valkey"))
    clusterer = stack.enter_context(running_service("octcluster_clusterer", "--redis-url", store.url))
    embedder = MortalEmbedder(f"unix:{folder}/embedder.sock", folder / "models")
    embedder.start()
    stack.callback(embedder.stop)
    images = folder / "images"
    write_phantoms(images, images_per_class=_IMAGES_PER_CLASS, seed=0)
    services = RunOptions(model="pixels", embedder=embedder.address, clusterer=clusterer.address)
    run = make_run(images, services, folder / "run", ("CNV", "NORMAL"), _IMAGES_PER_CLASS)
    files = write_trial_objects(folder / "objects", objects)
    flags = ["--embedder", embedder.address, "--clusterer", clusterer.address]
    gateway = Gateway(folder / "gateway", run, flags)
    gateway.start()
    stack.callback(gateway.stop)
    return run_trial(gateway, files, embedder, store, options)


if __name__ == "__main__":
    sys.exit(main())
