"""One trace from the client through both services, which run.json names."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from collector import Collector, running_collector
from octcluster import ImageSet, RunOptions, Silence, run_images
from octcluster.model.recipes import PIXELS_1
from octcluster.workflows.outcome import RunOutcome
from processes import running_service
from stores import Store


@pytest.fixture(scope="module")
def traced(image_set: ImageSet, store: Store, model_cache: Path) -> Iterator[tuple[RunOutcome, Collector]]:
    """A run whose servers export their traces, and what came of them."""
    with running_collector() as (collector, endpoint):
        embedder_flags = ("--cache-dir", str(model_cache), "--models", "pixels", "--otlp-endpoint", endpoint)
        clusterer_flags = ("--redis-url", store.url, "--otlp-endpoint", endpoint)
        with (
            running_service("octcluster_embedder", *embedder_flags) as embedder,
            running_service("octcluster_clusterer", *clusterer_flags) as clusterer,
        ):
            options = RunOptions(
                model="pixels",
                recipe=PIXELS_1,
                embedder=embedder.address,
                clusterer=clusterer.address,
                stability_resamples=0,
                umap=False,
            )
            outcome = run_images(image_set, options, Silence())
            for server in (embedder, clusterer):
                server.terminate()
        yield outcome, collector


def test_all_calls_of_a_run_are_in_one_trace(traced: tuple[RunOutcome, Collector]) -> None:
    outcome, collector = traced
    methods = {span.name.rpartition("/")[2] for span in collector.spans}
    assert {"Embed", "FindMissingVectors", "PutVectors", "StartRun", "GetRun"} <= methods
    assert {span.trace_id.hex() for span in collector.spans} == {outcome.trace_id}
