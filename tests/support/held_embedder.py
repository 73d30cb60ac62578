"""The embedder's own process, which is not done with loading before the file of MAY_SERVE is there."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import octcluster_embedder.serving.server
from octcluster_embedder.__main__ import main
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.runtimes.runtime import Runtime


def load(*arguments: Any) -> Runtime:
    runtime = load_runtime(*arguments)
    while not Path(os.environ["MAY_SERVE"]).exists():
        time.sleep(0.01)
    return runtime


if __name__ == "__main__":
    vars(octcluster_embedder.serving.server)["load_runtime"] = load
    sys.exit(main())
