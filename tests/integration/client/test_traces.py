"""A run is seen: one trace from the client through both services, and metrics of both that move."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from collector import Collector, running_collector
from metrics_page import read_metric
from octcluster import ImageSet, RunOptions, Silence, run_images
from octcluster.model.recipes import PIXELS_1
from octcluster.workflows.outcome import RunOutcome
from processes import free_ports, running_service
from stores import Store
from waiting import wait_until


@dataclass
class Seen:
    """Two runs of the same images, and what both services told of them.

    Attributes:
        outcomes: What came of each.
        collector: The spans.
        numbers: Metrics by name: before the first run, after it, and after the second.
    """

    outcomes: list[RunOutcome]
    collector: Collector
    numbers: dict[str, list[float]]

    def moved(self, name: str) -> list[float]:
        """By how much a metric grew in each run."""
        before, between, after = self.numbers[name]
        return [between - before, after - between]


METRICS = {
    "octcluster_embedder_": (
        "items_total",
        "queue_seconds_count",
        'requests_total{code="OK",method="Embed"}',
    ),
    "octcluster_clusterer_": (
        "cache_hits_total",
        "cache_misses_total",
        "stored_vectors_total",
        "queue_seconds_count",
        "store_seconds_count",
        'runs_total{state="succeeded"}',
        *(
            f'stage_seconds_count{{stage="{stage}"}}'
            for stage in ("loading", "preparing", "clustering", "scoring")
        ),
    ),
}


@pytest.fixture(scope="module")
def seen(image_set: ImageSet, store: Store, model_cache: Path) -> Iterator[Seen]:
    pages = {prefix: f"127.0.0.1:{port}" for prefix, port in zip(METRICS, free_ports(2), strict=True)}
    numbers: dict[str, list[float]] = {
        f"{prefix}{name}": [] for prefix in METRICS for name in METRICS[prefix]
    }

    def note_metrics() -> None:
        for name, noted in numbers.items():
            noted.append(
                read_metric(next(pages[prefix] for prefix in pages if name.startswith(prefix)), name)
            )

    with running_collector() as (collector, endpoint):
        listen = [("--metrics-listen", page, "--otlp-endpoint", endpoint) for page in pages.values()]
        embedder_flags = ("--cache-dir", str(model_cache), "--models", "pixels", *listen[0])
        clusterer_flags = ("--redis-url", store.url, *listen[1])
        with (
            running_service("octcluster_embedder", *embedder_flags) as embedder,
            running_service("octcluster_clusterer", *clusterer_flags) as clusterer,
        ):
            options = RunOptions(
                model="pixels",
                recipe=PIXELS_1,
                embedder=embedder.address,
                clusterer=clusterer.address,
                key_secret=os.urandom(16),
                stability_resamples=0,
                umap=False,
            )
            note_metrics()
            outcomes: list[RunOutcome] = []
            ended = (pages["octcluster_clusterer_"], 'octcluster_clusterer_runs_total{state="succeeded"}')
            for _ in range(2):
                outcomes.append(run_images(image_set, options, Silence()))
                # A run is counted right after it is told to have ended.
                wait_until(lambda: read_metric(*ended) == len(outcomes))
                note_metrics()
            for server in (embedder, clusterer):
                server.terminate()
        yield Seen(outcomes, collector, numbers)


def test_all_calls_of_a_run_are_in_one_trace(seen: Seen) -> None:
    first, second = seen.outcomes
    assert {span.trace_id.hex() for span in seen.collector.spans} == {first.trace_id, second.trace_id}
    methods = {outcome.trace_id: set[str]() for outcome in seen.outcomes}
    for span in seen.collector.spans:
        methods[span.trace_id.hex()].add(span.name.removeprefix("/octcluster."))
        assert span.parent_span_id, "it began in the client"
    assert {
        "embedder.v1.EmbedderService/Embed",
        "clusterer.v1.ClustererService/FindMissingVectors",
        "clusterer.v1.ClustererService/PutVectors",
        "clusterer.v1.ClustererService/StartRun",
        "clusterer.v1.ClustererService/GetRun",
    } <= methods[first.trace_id]
    assert "embedder.v1.EmbedderService/Embed" not in methods[second.trace_id], "all is cached"
    assert "clusterer.v1.ClustererService/StartRun" in methods[second.trace_id]


def test_queue_stages_and_cache_hits_move(seen: Seen) -> None:
    n_images = len(seen.outcomes[0].members)
    assert seen.moved("octcluster_embedder_items_total") == [n_images, 0]
    assert seen.moved("octcluster_embedder_queue_seconds_count") == [n_images, 0]
    assert min(seen.moved("octcluster_clusterer_store_seconds_count")) > 0
    assert seen.moved("octcluster_clusterer_cache_misses_total") == [n_images, 0]
    assert seen.moved("octcluster_clusterer_cache_hits_total") == [0, n_images]
    for name in seen.numbers:
        if "stage_seconds" in name or "runs_total" in name or "clusterer_queue" in name:
            assert seen.moved(name) == [1, 1], name
