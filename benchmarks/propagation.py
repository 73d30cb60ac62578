"""How right are labels that spread from five labelled images a class, beside a linear probe on the same five?

    .venv/bin/octcluster run ../shared/oct2017 --out RESULT
    .venv/bin/python benchmarks/propagation.py RESULT [--labelled 5] [--draws 10] [--rounds 3]

Both see the prepared vectors of the run. Accuracy is that of the images that were not labelled, with the 95%
interval of its mean over the draws (Student's t). ``asked`` goes on where the first five end: in each round
the images that the explorer would ask for get their true label. Prints one JSON line.
"""

import argparse
import json
import math
import statistics

import numpy as np
from numpy.typing import NDArray
from octcluster.cli.parser import parse_command
from octcluster.explorer.nearest_graph import NearestGraph, make_graph
from octcluster.explorer.propagation import choose_questions, spread
from octcluster.explorer.result import Result, read_result
from octcluster.explorer.vectors import list_images
from octcluster.model.progress import Silence
from octcluster.workflows.run_vectors import fetch_prepared
from sklearn.linear_model import LogisticRegression

# Student's t for 95% by degrees of freedom, as far as tables go; beyond, the normal's is near enough.
_T = {4: 2.776, 9: 2.262, 19: 2.093, 29: 2.045, 49: 2.010}


def main() -> None:
    """Draws labelled images, spreads their labels, and prints one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result")
    parser.add_argument("--labelled", type=int, default=5)
    parser.add_argument("--draws", type=int, default=10, choices=[number + 1 for number in _T])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    result = read_result(arguments.result)
    vectors = fetch(result)
    truth = result.categories["class"].codes
    patients = result.categories["patient"].codes
    graph = make_graph(vectors, Silence())
    found: dict[str, list[float]] = {"spread": [], "linear probe": []}
    sure = []
    for draw in range(arguments.draws):
        rows = draw_rows(truth, arguments.labelled, draw)
        rest = np.setdiff1d(np.flatnonzero(truth >= 0), rows)
        probe = LogisticRegression(max_iter=5000).fit(vectors[rows], truth[rows])
        found["linear probe"].append(float(np.mean(probe.predict(vectors[rest]) == truth[rest])))
        labels = keep_only(truth, rows)
        propagation = spread(graph, labels)
        right = propagation.labels[rest] == truth[rest]
        found["spread"].append(float(np.mean(right)))
        half = propagation.certainty[rest] >= np.median(propagation.certainty[rest])
        sure.append(float(np.mean(right[half])))
        for round_ in range(1, arguments.rounds + 1):
            share = ask(graph, labels, truth, patients)
            found.setdefault(f"asked, round {round_}", []).append(share)
    figures = {name: summarize(shares) for name, shares in found.items()}
    print(json.dumps({"images": len(truth), "labelled": arguments.labelled, "draws": arguments.draws,
                      "accuracy": figures, "spread, surer half": summarize(sure)}))  # fmt: skip


def fetch(result: Result) -> NDArray[np.float32]:
    """The prepared vectors of all images, from the services or the cache of the run."""
    keys = list_images(result, range(len(result.names)))
    vector_of: dict[bytes, NDArray[np.float32]] = {}

    def take(found: object, content: bytes) -> None:
        names = list(found)  # type: ignore[call-overload]
        values = np.frombuffer(content, "<f4").reshape(len(names), -1)
        vector_of.update(zip(names, values, strict=True))

    command = parse_command(["explore", str(result.folder)])
    fetch_prepared(result.run, keys, command.find_services(result.run), Silence(), take)  # type: ignore[attr-defined]
    return np.array([vector_of[key] for key in keys.image_keys])


def draw_rows(truth: NDArray[np.int32], count: int, seed: int) -> NDArray[np.int64]:
    """So many random images of each class."""
    source = np.random.default_rng(seed)
    classes = np.unique(truth[truth >= 0])
    return np.concatenate(
        [source.choice(np.flatnonzero(truth == each), count, replace=False) for each in classes]
    )


def keep_only(truth: NDArray[np.int32], rows: NDArray[np.int64]) -> NDArray[np.int32]:
    """The labels of these images; -1 of all others."""
    labels = np.full(len(truth), -1, dtype=np.int32)
    labels[rows] = truth[rows]
    return labels


def ask(
    graph: NearestGraph, labels: NDArray[np.int32], truth: NDArray[np.int32], patients: NDArray[np.int32]
) -> float:
    """Labels what would be asked for, in place; returns the accuracy on what has no label then."""
    asked = choose_questions(spread(graph, labels), (labels == -1) & (truth >= 0), patients)
    labels[asked] = truth[asked]
    rest = (labels == -1) & (truth >= 0)
    return float(np.mean(spread(graph, labels).labels[rest] == truth[rest]))


def summarize(shares: list[float]) -> dict[str, object]:
    """Mean and 95% interval of the mean."""
    mean = statistics.mean(shares)
    half = _T[len(shares) - 1] * statistics.stdev(shares) / math.sqrt(len(shares))
    return {"mean": round(mean, 3), "interval": [round(mean - half, 3), round(mean + half, 3)]}


if __name__ == "__main__":
    main()
