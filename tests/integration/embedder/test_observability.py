"""What a real server tells of its work: metrics, JSON logs and traces, and never a name or a content."""

import io
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import machine
import pytest
from collector import Collector, running_collector
from metrics_page import read_metric, read_page
from octcluster_embedder.metrics import Metrics
from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub
from PIL import Image, PngImagePlugin
from processes import free_port, running_service
from prometheus_client.parser import text_string_to_metric_families
from waiting import wait_until

PLANTED = ("Doe^Jane", "1950-01-01", "scan-of-jane.jpeg", "/home/jane")
DASHBOARD = machine.REPOSITORY / "docs/grafana/octcluster.json"


@dataclass
class Seen:
    """What was to be seen of one server from outside, after some calls."""

    log: str = ""
    metrics: str = ""
    collector: Collector = field(default_factory=Collector)

    def value(self, name: str, **labels: str) -> float:
        samples = [s for family in text_string_to_metric_families(self.metrics) for s in family.samples]
        (found,) = [s.value for s in samples if s.name == name and labels.items() <= s.labels.items()]
        return found

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.splitlines()]


def planted_images(real: bytes) -> list[bytes]:
    """Two good images with names in them, in EXIF tags, comments and text chunks, and two bad ones."""
    picture = Image.open(io.BytesIO(real)).convert("L")
    exif, text = Image.Exif(), PngImagePlugin.PngInfo()
    exif[0x010E] = " ".join(PLANTED)  # ImageDescription
    text.add_text("PatientName", " ".join(PLANTED))
    jpeg, png = io.BytesIO(), io.BytesIO()
    picture.save(jpeg, "JPEG", exif=exif, comment=" ".join(PLANTED).encode())
    picture.save(png, "PNG", pnginfo=text)
    return [jpeg.getvalue(), png.getvalue(), png.getvalue()[:-200], " ".join(PLANTED).encode()]


@pytest.fixture(scope="module")
def seen(model_cache: Path, images: list[bytes]) -> Seen:
    metrics = f"127.0.0.1:{free_port()}"
    flags: tuple[str, ...] = ("--metrics-listen", metrics, "--log-format", "json", "--log-level", "debug")
    with running_collector() as (collector, endpoint):
        flags += ("--otlp-endpoint", endpoint, "--cache-dir", str(model_cache))
        with running_service("octcluster_embedder", *flags) as server:
            call_everything(server.address, planted_images(images[0]), metrics)
            page = read_page(metrics)
            server.terminate()
            return Seen(server.log, page, collector)


def call_everything(address: str, encoded: list[bytes], metrics: str) -> None:
    items = [pb.EmbedItem(id=number, image=image) for number, image in enumerate(encoded)]
    with grpc.insecure_channel(address) as channel:
        stub = EmbedderServiceStub(channel)
        stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=10)
        assert (
            len(stub.Embed(pb.EmbedRequest(features=pb.FEATURES_POOLED, items=items), timeout=30).results)
            == 4
        )
        with pytest.raises(grpc.RpcError):
            stub.Embed(
                pb.EmbedRequest(features=pb.FEATURES_POOLED, model=PLANTED[0], items=items), timeout=10
            )
        # Seconds of decoding: it is still under way when the client leaves.
        large = large_image()
        waiting = stub.Embed.future(
            pb.EmbedRequest(
                features=pb.FEATURES_POOLED, items=[pb.EmbedItem(id=i, image=large) for i in range(24)]
            ),
            timeout=30,
        )
        wait_until(lambda: read_metric(metrics, "octcluster_embedder_queued_images"))
        waiting.cancel()
        cancelled = 'octcluster_embedder_requests_total{code="CANCELLED",method="Embed"}'
        wait_until(lambda: read_metric(metrics, cancelled))


def large_image() -> bytes:
    """60 megapixels in a small file."""
    file = io.BytesIO()
    Image.new("L", (8000, 7500), 90).save(file, "PNG")
    return file.getvalue()


def test_metrics_count_what_was_done(seen: Seen) -> None:
    requests = "octcluster_embedder_requests_total"
    assert seen.value(requests, method="Embed", code="OK") == 1
    assert seen.value(requests, method="Embed", code="INVALID_ARGUMENT") == 1
    assert seen.value(requests, method="Embed", code="CANCELLED") == 1
    assert seen.value(requests, method="GetServerInfo", code="OK") == 1
    assert seen.value("octcluster_embedder_request_seconds_count", method="Embed") == 3
    assert seen.value("octcluster_embedder_items_total") == 4
    assert seen.value("octcluster_embedder_item_errors_total", reason="corrupt") == 1
    assert seen.value("octcluster_embedder_item_errors_total", reason="unsupported_format") == 1
    assert seen.value("octcluster_embedder_received_image_bytes_total") > 4 * 200
    assert seen.value("octcluster_embedder_batch_images_sum") >= 2
    assert seen.value("octcluster_embedder_queue_seconds_count") >= 2
    assert seen.value("octcluster_embedder_decode_seconds_count") >= 2
    assert seen.value("octcluster_embedder_inference_seconds_sum") > 0
    assert seen.value("octcluster_embedder_queued_images") == 0
    assert seen.value("octcluster_embedder_cancelled_images_total") > 0
    assert seen.value("octcluster_embedder_serving") == 1
    assert seen.value("process_resident_memory_bytes") > 0


def test_each_line_of_the_log_is_an_object_with_its_values(seen: Seen) -> None:
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in seen.lines)
    calls = [line for line in seen.lines if "request_id" in line]
    assert sorted((line["method"], line["code"]) for line in calls) == [
        ("Embed", "CANCELLED"),
        ("Embed", "INVALID_ARGUMENT"),
        ("Embed", "OK"),
        ("GetServerInfo", "OK"),
    ]
    assert len({line["request_id"] for line in calls}) == 4
    (embedded,) = [line for line in calls if (line["method"], line["code"]) == ("Embed", "OK")]
    assert (embedded["items"], embedded["errors"]) == (4, 2)
    assert embedded["bytes"] > 0
    assert embedded["milliseconds"] > 0


def test_each_call_is_a_span_that_the_log_names(seen: Seen) -> None:
    calls = {line["trace_id"]: line for line in seen.lines if "request_id" in line}
    spans = {span.trace_id.hex(): span for span in seen.collector.spans}
    assert spans.keys() == calls.keys()
    for trace_id, span in spans.items():
        assert span.name == f"/octcluster.embedder.v1.EmbedderService/{calls[trace_id]['method']}"
        values = {one.key: one.value for one in span.attributes}
        assert values["octcluster.request_id"].string_value == calls[trace_id]["request_id"]
        assert values["octcluster.items"].int_value == calls[trace_id]["items"]


def test_nothing_tells_a_name_or_a_content(seen: Seen) -> None:
    traces = "".join(str(request) for request in seen.collector.requests)
    for told in (seen.log, seen.metrics, traces):
        assert told
        for planted in PLANTED:
            assert planted not in told
        assert "Patient" not in told
        assert "BytesIO" not in told


def names_of(registry_text: str) -> set[str]:
    """Every name that a query can use."""
    families = text_string_to_metric_families(registry_text)
    return {
        sample.name
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_the_dashboard_draws_every_metric_and_no_other(seen: Seen) -> None:
    text = DASHBOARD.read_text()
    json.loads(text)
    drawn = set(re.findall(r"octcluster_embedder_\w+", text)) | set(re.findall(r"process_\w+", text))
    there = names_of(seen.metrics)
    assert drawn <= there, "the dashboard asks for what is not there"
    families = {
        re.sub("_(total|bucket|sum|count)$", "", name) for name in there if name.startswith("octcluster_")
    }
    assert {re.sub("_(total|bucket|sum|count)$", "", name) for name in drawn} >= families


def test_operations_page_names_every_metric() -> None:
    page = (machine.REPOSITORY / "docs/operations.md").read_text()
    for family in Metrics().registry.collect():
        if family.name.startswith("octcluster_embedder_"):
            assert f"`{family.name.removeprefix('octcluster_embedder_')}" in page, family.name


def test_without_flags_nothing_of_it_is_loaded(model_cache: Path) -> None:
    program = (
        "import sys, octcluster_embedder.serving.server\n"
        "print([name for name in ('opentelemetry.sdk', 'opentelemetry.exporter') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"
