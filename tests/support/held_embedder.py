"""The embedder's own process. Its first inference makes a file "infers" and waits for that of MAY_SERVE."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import octcluster_embedder.serving.server
from octcluster_embedder.__main__ import main
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.runtimes.runtime import Runtime, Vectors


def load(*arguments: Any, **options: Any) -> Runtime:
    runtime = load_runtime(*arguments, **options)
    infer = runtime.infer

    def infer_late(*arguments: Any) -> Vectors:
        may_serve = Path(os.environ["MAY_SERVE"])
        may_serve.with_name("infers").touch()
        while not may_serve.exists():
            time.sleep(0.01)
        return infer(*arguments)

    vars(runtime)["infer"] = infer_late
    return runtime


if __name__ == "__main__":
    vars(octcluster_embedder.serving.server)["load_runtime"] = load
    sys.exit(main())
