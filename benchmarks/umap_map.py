"""How long does a map by UMAP take, and does it keep neighbours together? Ours, or umap-learn's own way.

Each in a fresh process, as in a clusterer whose first run it is: what is compiled anew each time counts.
"kept" is the share of the ten nearest neighbours on the map that are among the fifty nearest vectors, of 1000
members. Prints one JSON line.

    python benchmarks/umap_map.py --vectors 84495 --dimension 128
    python benchmarks/umap_map.py --vectors 84495 --dimension 128 --peer
"""

import argparse
import json
import sys
import threading
import time

import numpy as np
import psutil
from embeddings import make_embeddings
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits


def make_map(vectors: np.ndarray) -> np.ndarray:
    from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
    from octcluster_clusterer.mapping.layout_client import LayoutClient
    from octcluster_clusterer.mapping.mapper import Mapper

    with threadpool_limits(1), LayoutClient() as layouts:  # as in a run
        mapper = Mapper(layouts)
        mapper.begin(MemoryBlocks(vectors), vectors[:, :2], 0, lambda: None)
        return mapper.finish(MemoryBlocks(vectors), lambda done, total: None).coordinates


def make_map_by_peer(vectors: np.ndarray) -> np.ndarray:
    sys.modules["tensorflow"] = None  # it would be imported for nothing
    from umap import UMAP

    return UMAP(random_state=0).fit_transform(vectors)


def watch_memory(peaks: dict[str, int]) -> None:
    """Follows the resident memory of this process and of its children, in bytes."""
    own = psutil.Process()
    while True:
        peaks["own"] = max(peaks["own"], own.memory_info().rss)
        try:
            children = sum(child.memory_info().rss for child in own.children())
        except psutil.NoSuchProcess:
            continue
        peaks["children"] = max(peaks["children"], children)
        time.sleep(0.02)


def find_share_kept(vectors: np.ndarray, places: np.ndarray) -> float:
    some = np.random.default_rng(1).choice(len(vectors), min(1000, len(vectors)), replace=False)
    on_map = NearestNeighbors(n_neighbors=11).fit(places).kneighbors(places[some], return_distance=False)
    search = NearestNeighbors(n_neighbors=51, algorithm="brute").fit(vectors)
    near = search.kneighbors(vectors[some], return_distance=False)
    return float(np.mean([np.isin(a[1:], b).mean() for a, b in zip(on_map, near, strict=True)]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=84_495)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--peer", action="store_true", help="umap-learn as it comes")
    options = parser.parse_args()
    vectors, _ = make_embeddings(options.vectors, options.dimension)
    peaks = {"own": psutil.Process().memory_info().rss, "children": 0}
    before = peaks["own"]
    threading.Thread(target=watch_memory, args=(peaks,), daemon=True).start()
    started = time.monotonic()
    places = make_map_by_peer(vectors) if options.peer else make_map(vectors)
    found = {
        "who": "umap-learn" if options.peer else "ours",
        "vectors": options.vectors,
        "dimension": options.dimension,
        "seconds": round(time.monotonic() - started, 1),
        "own_mb": (peaks["own"] - before) // 10**6,
        "process_beside_mb": peaks["children"] // 10**6,
        "kept": round(find_share_kept(vectors, places), 3),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
