"""What a real clusterer tells of its work: metrics that move as it works, in the dashboard too."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import machine
import pytest
from metrics_page import read_metric, read_page
from octcluster_clusterer.metrics import Metrics
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from processes import Server, free_port, running_service
from stores import STORES, started_store
from waiting import wait_until

from .conftest import SPACE, Blobs, Clusterer, new_spec

PREFIX = "octcluster_clusterer_"


@dataclass
class Watched:
    """A clusterer at work, and where its metrics are."""

    client: Clusterer
    metrics: str
    server: Server

    def value(self, name: str) -> float:
        return read_metric(self.metrics, PREFIX + name)


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    metrics = f"127.0.0.1:{free_port()}"
    with started_store(STORES[0]) as store:
        flags = ("--redis-url", store.url, "--metrics-listen", metrics, "--log-format", "json")
        with running_service("octcluster_clusterer", *flags) as server:
            watched = Watched(Clusterer(server.address), metrics, server)
            work(watched)
            store.stop()
            with pytest.raises(Exception, match="UNAVAILABLE"):
                watched.client.find_missing([b"k" * 32])
            yield watched
            watched.client.channel.close()


def work(watched: Watched) -> None:
    """A run of 60 vectors, after a look for 100 of them; 10 are bad."""
    client, blobs = watched.client, Blobs.draw(60)
    bad = [pb.VectorEntry(image_key=b"b" * 32, vector=b"short")] * 10
    assert client.put([*blobs.entries(), *bad]).stored == 60
    assert len(client.find_missing([*blobs.keys, *(bytes([i]) * 32 for i in range(40))])) == 40
    request = pb.GetVectorsRequest(space=SPACE, image_keys=blobs.keys[:25])
    assert sum(len(answer.entries) for answer in client.stub.GetVectors(request, timeout=20)) == 25
    spec = new_spec()
    client.start(spec, blobs)
    client.watch(spec.run_id)


def test_metrics_count_what_was_done(watched: Watched) -> None:
    assert watched.value("stored_vectors_total") == 60
    assert watched.value("rejected_vectors_total") == 10
    assert watched.value("cache_hits_total") == 60
    assert watched.value("cache_misses_total") == 40
    assert watched.value("served_vectors_total") == 25
    wait_until(lambda: watched.value('runs_total{state="succeeded"}') == 1)
    assert watched.value("queue_seconds_count") == 1
    assert watched.value("queued_runs") == 0
    for stage in ("loading", "preparing", "clustering", "scoring"):
        assert watched.value(f'stage_seconds_count{{stage="{stage}"}}') == 1
    assert watched.value("store_seconds_count") > 5
    assert watched.value('store_errors_total{reason="away"}') >= 1
    assert watched.value("memory_limit_bytes") > 2**28
    assert watched.value('requests_total{code="OK",method="StartRun"}') == 1


def test_the_log_has_one_object_a_line(watched: Watched) -> None:
    calls = [line for line in map(json.loads, watched.server.log.splitlines()) if "request_id" in line]
    assert {"StartRun", "PutVectors", "FindMissingVectors"} <= {call["method"] for call in calls}


def test_the_dashboard_draws_every_metric_and_no_other(watched: Watched) -> None:
    text = (machine.REPOSITORY / "docs/grafana/octcluster.json").read_text()
    drawn = set(re.findall(rf"{PREFIX}\w+", text))
    page = read_page(watched.metrics)
    there = {name for name in re.findall(r"^(\w+)", page, re.MULTILINE) if not name.endswith("_created")}
    assert drawn <= there, "the dashboard asks for what is not there"
    families = {family_of(name) for name in there if name.startswith(PREFIX)}
    assert {family_of(name) for name in drawn} >= families


def family_of(name: str) -> str:
    return re.sub("_(total|bucket|sum|count)$", "", name)


def test_operations_page_names_every_metric() -> None:
    page = (machine.REPOSITORY / "docs/operations.md").read_text()
    for family in Metrics().registry.collect():
        if family.name.startswith(PREFIX):
            assert f"`{family.name.removeprefix(PREFIX)}" in page, family.name
