"""What does a Dask cluster cost beside one machine, what does it save, and is the answer the same?

Has the default recipe done on made vectors in Parquet (made_store.py) by a real clusterer: first by itself,
then with workers on this machine, once for each number of them. Prints one JSON line: of each run what
dask_growth.py tells; the ratio of the run with the first number of workers to the one without, also in
processor seconds (what counts on a busy machine); whether the results have the same bytes with any number of
workers; and the share of the members in equal clusters with and without workers, the least of all results.

    .venv/bin/python benchmarks/dask_engine.py [--vectors 84495] [--workers 2 1 4] [--keep FOLDER]
"""

import argparse
import json
from contextlib import ExitStack

import numpy as np
from dask_growth import add_store, open_store, read_work
from dask_runs import measure_run


def main() -> None:
    """Measures all and prints one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=84_495)
    parser.add_argument("--workers", type=int, nargs="+", default=(2, 1, 4))
    add_store(parser)
    options = parser.parse_args()
    with ExitStack() as stack:
        store = open_store(options, options.vectors, stack)
        local, local_labels = measure_run(store, read_work(options, options.vectors, 0))
        on_dask = [
            measure_run(store, read_work(options, options.vectors, workers)) for workers in options.workers
        ]
    shares = [
        float(np.mean(here == there))
        for _, labels in on_dask
        for here, there in zip(local_labels, labels, strict=True)
    ]
    runs = [run for run, _ in on_dask]
    line = {
        "question": "Dask beside one machine",
        "local": local,
        "dask": runs,
        "ratio": round(runs[0]["seconds"] / local["seconds"], 2),  # type: ignore[operator]
        "processor_ratio": round(runs[0]["processor_seconds"] / local["processor_seconds"], 2),  # type: ignore[operator]
        "same_bytes_among_workers": len({run["result"] for run in runs}) == 1,
        "same_bytes_as_local": runs[0]["result"] == local["result"],
        "equal_clusters_share": min(shares),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
