"""Each score shows an example, and the examples are true."""

import doctest
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType

import octcluster_clusterer.scoring
import octcluster_clusterer.trust
import pytest

# What judges no clustering.
NO_SCORES = {
    "bound",
    "count_sample",
    "draw_buckets",
    "estimate_bytes",
    "find_directions",
    "find_in_buckets",
    "find_likely_pairs",
    "find_pair_distances",
    "find_scales",
    "find_similarity_bounds",
    "mark_members",
    "measure_left",
    "sample_pairs",
    "sum_block_distances",
    "turn",
}


def find_modules() -> Iterator[ModuleType]:
    for package in (octcluster_clusterer.scoring, octcluster_clusterer.trust):
        yield package
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            yield import_module(module.name)


SCORES = [
    pytest.param(function, id=f"{module.__name__.removeprefix('octcluster_clusterer.')}.{name}")
    for module in find_modules()
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and not name.startswith("_") and name not in NO_SCORES
]


@pytest.mark.parametrize("score", SCORES)
def test_the_example_of_a_score_is_true(score: Callable[..., object]) -> None:
    (example,) = doctest.DocTestFinder(recurse=False).find(score, score.__name__)
    assert example.examples, f"{score.__qualname__} has no example in its docstring"
    differences: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=differences.append)
    assert not differences, "".join(differences)
