"""What the gateway has done is one trace with the calls that it makes, and names nobody."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from collector import Collector, running_collector
from dicom_senders import storescu, write_objects
from gateways import Gateway
from processes import running_service
from stores import Store


@pytest.fixture
def collected() -> Iterator[tuple[Collector, str]]:
    with running_collector() as (collector, address):
        yield collector, address


def test_one_trace_through_gateway_and_services(
    start_gateway: Callable[..., Gateway],
    pixel_run: Path,
    store: Store,
    collected: tuple[Collector, str],
    tmp_path: Path,
) -> None:
    collector, address = collected
    traced = ("--otlp-endpoint", address)
    with (
        running_service("octcluster_embedder", "--models", "pixels", *traced) as embedder,
        running_service("octcluster_clusterer", "--redis-url", store.url, *traced) as clusterer,
    ):
        services = ["--embedder", embedder.address, "--clusterer", clusterer.address]
        gateway = start_gateway(pixel_run, services, *traced)
        storescu(gateway.port, write_objects(tmp_path / "files", 1, first=90))
        gateway.wait_until_processed()
        gateway.stop()
    (own,) = [span for span in collector.spans if span.name == "assign objects"]
    assert {one.key: one.value.int_value for one in own.attributes} == {"objects": 1}
    of_trace = {span.name.rpartition("/")[2] for span in collector.spans if span.trace_id == own.trace_id}
    assert of_trace >= {"assign objects", "PutVectors", "Assign"}
    for request in collector.requests:
        assert b"P-90" not in request.SerializeToString()
