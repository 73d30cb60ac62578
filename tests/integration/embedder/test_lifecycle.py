"""A real embedder process from its start to its end."""

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from metrics_page import read_metric
from octcluster import EmbedderClient, Embedding
from octcluster_protos.embedder.v1 import embedder_pb2 as pb
from octcluster_protos.embedder.v1.embedder_pb2_grpc import EmbedderServiceStub
from octcluster_serving.server import MAX_CALLS_AT_ONCE
from PIL import Image, PngImagePlugin, TiffImagePlugin
from processes import Server, free_port, running_service
from waiting import wait_until

SERVICE = "octcluster.embedder.v1.EmbedderService"
MODEL = "efficientnet-lite0"
RECEIVED_BYTES = "octcluster_embedder_received_image_bytes_total"
# Needs no weights and starts in a third of the time, for what has nothing to do with the model.
QUICK = ("--models", "pixels")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SUPPORT = Path(__file__).parents[2] / "support"


@contextlib.contextmanager
def embedder(model_cache: Path, *arguments: str) -> Iterator[Server]:
    with running_service("octcluster_embedder", "--cache-dir", str(model_cache), *arguments) as running:
        yield running


def run_embedder(*arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "octcluster_embedder", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)


@contextlib.contextmanager
def starting_embedder(model_cache: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A process from its first moment, which serves once there is a file may_serve in the folder."""
    address = f"unix:{folder}/s.sock"
    command = [
        sys.executable,
        "-m",
        "held_embedder",
        "--listen",
        address,
        "--cache-dir",
        str(model_cache),
    ]
    environment = {**os.environ, "PYTHONPATH": str(SUPPORT), "MAY_SERVE": str(folder / "may_serve")}
    with (
        (folder / "log.txt").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=environment) as process,
    ):
        try:
            yield process, address
        finally:
            process.kill()


def wait_for_health(health: health_pb2_grpc.HealthStub) -> int:
    """The first status that a starting server gives."""
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(grpc.RpcError):
            return int(health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=1).status)
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_health_says_serving_only_when_the_model_is_warm(
    model_cache: Path, tmp_path: Path, items: list[pb.EmbedItem]
) -> None:
    with (
        starting_embedder(model_cache, tmp_path) as (_, address),
        grpc.insecure_channel(address, options=[("grpc.max_reconnect_backoff_ms", 50)]) as channel,
    ):
        health, stub = health_pb2_grpc.HealthStub(channel), EmbedderServiceStub(channel)
        assert wait_for_health(health) == NOT_SERVING
        assert wait_until((tmp_path / "infers").exists), "it makes the slow first inference before it serves"
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=30).status == NOT_SERVING
        for call in (
            lambda: stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=30),
            lambda: stub.Embed(pb.EmbedRequest(features=pb.FEATURES_POOLED, items=items[:1]), timeout=30),
            lambda: stub.Embed(
                pb.EmbedRequest(model=MODEL, features=pb.FEATURES_POOLED, items=items[:1]), timeout=30
            ),
        ):
            with pytest.raises(grpc.RpcError, match="loading") as error:
                call()
            assert error.value.code() == grpc.StatusCode.UNAVAILABLE
        (tmp_path / "may_serve").touch()
        for answer in health.Watch(health_pb2.HealthCheckRequest(), timeout=60):
            if answer.status == SERVING:
                break
        assert health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=30).status == SERVING
        assert (
            len(stub.Embed(pb.EmbedRequest(features=pb.FEATURES_POOLED, items=items[:2]), timeout=30).results)
            == 2
        )


def test_sigterm_while_loading_ends_at_once(model_cache: Path, tmp_path: Path) -> None:
    with (
        starting_embedder(model_cache, tmp_path) as (process, address),
        grpc.insecure_channel(address, options=[("grpc.max_reconnect_backoff_ms", 50)]) as channel,
    ):
        assert wait_for_health(health_pb2_grpc.HealthStub(channel)) == NOT_SERVING
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_sigterm_finishes_what_was_accepted(model_cache: Path, items: list[pb.EmbedItem]) -> None:
    items = items[:12]
    request = pb.EmbedRequest(features=pb.FEATURES_POOLED, items=items)
    n_bytes = sum(len(item.image) for item in items)
    metrics = f"127.0.0.1:{free_port()}"
    with (
        embedder(model_cache, "--metrics-listen", metrics, "--grace-seconds", "600") as server,
        grpc.insecure_channel(server.address) as channel,
        grpc.insecure_channel(server.address) as other,
    ):
        stub = EmbedderServiceStub(channel)
        expected = stub.Embed(request)
        watch = health_pb2_grpc.HealthStub(other).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        assert next(watch).status == SERVING
        calls = [stub.Embed.future(request, timeout=60) for _ in range(12)]
        wait_until(lambda: read_metric(metrics, RECEIVED_BYTES) == (1 + len(calls)) * n_bytes)
        assert not calls[-1].done(), "the server should stop in the middle"
        server.process.send_signal(signal.SIGTERM)
        assert next(watch).status == NOT_SERVING
        with pytest.raises(grpc.RpcError) as refused:
            stub.Embed(pb.EmbedRequest(features=pb.FEATURES_POOLED, items=items[:1]), timeout=10)
        # The watch is still there, and would keep a server that waited for it until its grace is over.
        assert server.process.wait(timeout=120) == 0
        answers = [call.result() for call in calls]
        log = server.log
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    assert answers == [expected] * len(calls)
    assert log.count(f"Embed OK: {len(items)} items, 0 errors") == 1 + len(calls)
    assert "Traceback" not in log


def test_calls_above_the_limit_are_refused(model_cache: Path) -> None:
    flags = ("--max-streams-per-connection", str(MAX_CALLS_AT_ONCE + 1), *QUICK)
    with embedder(model_cache, *flags) as server, grpc.insecure_channel(server.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        watches = [health.Watch(health_pb2.HealthCheckRequest()) for _ in range(MAX_CALLS_AT_ONCE)]
        for watch in watches:
            assert next(watch).status == SERVING
        with pytest.raises(grpc.RpcError) as error:
            health.Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        watches[0].cancel()
        assert wait_for_health(health) == SERVING
        for watch in watches:
            watch.cancel()


def test_an_aged_connection_costs_no_image(model_cache: Path, images: list[bytes]) -> None:
    n_rounds = 0

    def take_slowly() -> Iterator[tuple[int, bytes]]:
        """Calls last for longer than a connection, whatever the machine computes in that time."""
        for number, image in enumerate(images):
            time.sleep(0.05)
            yield number, image

    with (
        embedder(model_cache, "--max-connection-age-seconds", "1") as server,
        EmbedderClient(server.address, retry_seconds=0) as client,
    ):
        deadline = time.monotonic() + 4
        while n_rounds < 2 or time.monotonic() < deadline:
            results = list(client.embed_stream(take_slowly()))
            assert all(isinstance(result, Embedding) for _, result in results)
            assert sorted(number for number, _ in results) == list(range(len(images)))
            n_rounds += 1


def test_further_calls_of_a_connection_wait_for_their_turn(model_cache: Path) -> None:
    request = health_pb2.HealthCheckRequest()
    with (
        embedder(model_cache, "--max-streams-per-connection", "2", *QUICK) as server,
        grpc.insecure_channel(server.address) as channel,
        grpc.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)]) as other,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        watches = [health.Watch(request) for _ in range(2)]
        for watch in watches:
            assert next(watch).status == SERVING
        with pytest.raises(grpc.RpcError) as error:
            health.Check(request, timeout=1)
        assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert health_pb2_grpc.HealthStub(other).Check(request, timeout=10).status == SERVING
        watches[0].cancel()
        assert health.Check(request, timeout=10).status == SERVING
        watches[1].cancel()


def test_reflection_is_off_unless_asked_for(server: Server, model_cache: Path) -> None:
    def listed(address: str) -> list[str]:
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        with grpc.insecure_channel(address) as channel:
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            answer = next(stub.ServerReflectionInfo(iter([request]), timeout=10))
        return [service.name for service in answer.list_services_response.service]

    with pytest.raises(grpc.RpcError) as error:
        listed(server.address)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
    with embedder(model_cache, "--reflection", *QUICK) as reflecting:
        assert SERVICE in listed(reflecting.address)


def test_limits_are_settings(model_cache: Path, images: list[bytes], items: list[pb.EmbedItem]) -> None:
    flags = (
        "--max-message-bytes",
        str(2**20),
        "--max-image-bytes",
        str(2**19),
        "--max-images-per-request",
        "5",
    )
    with (
        embedder(model_cache, *flags, "--max-image-pixels", "150000") as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub = EmbedderServiceStub(channel)
        limits = stub.GetServerInfo(pb.GetServerInfoRequest()).limits
        assert limits.max_message_bytes == 2**20
        assert limits.max_images_per_request == 5
        small = [pb.EmbedItem(id=n, image=small_image(n)) for n in range(5)]
        with pytest.raises(grpc.RpcError, match="at most 4 images") as error:
            stub.Embed(pb.EmbedRequest(features=pb.FEATURES_FLATTEN, items=small))
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert len(stub.Embed(pb.EmbedRequest(features=pb.FEATURES_FLATTEN, items=small[:4])).results) == 4
        large = [pb.EmbedItem(id=1, image=b"\0" * (2**19 + 1)), pb.EmbedItem(id=2, image=small_image(0, 400))]
        codes = [
            one.error.code
            for one in stub.Embed(pb.EmbedRequest(features=pb.FEATURES_POOLED, items=large)).results
        ]
        assert codes == [pb.EMBED_ERROR_CODE_TOO_MANY_BYTES, pb.EMBED_ERROR_CODE_TOO_MANY_PIXELS]


def small_image(seed: int, side: int = 64) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((side, side), 20 + seed).save(stream, "PNG")
    return stream.getvalue()


def test_log_says_numbers_and_nothing_of_the_images(model_cache: Path, images: list[bytes]) -> None:
    secret = "Doe^Jane 1950-01-01"
    text, tags = PngImagePlugin.PngInfo(), TiffImagePlugin.ImageFileDirectory_v2()
    text.add_text("PatientName", secret)
    tags[TiffImagePlugin.IMAGEDESCRIPTION] = secret
    picture = Image.new("L", (64, 64), 9)
    encoded = []
    for file_format, options in (("PNG", {"pnginfo": text}), ("TIFF", {"tiffinfo": tags})):
        stream = io.BytesIO()
        picture.save(stream, file_format, **options)
        encoded += [stream.getvalue(), stream.getvalue()[:-40]]
    encoded += [secret.encode(), images[0][:3000], b"MM\x00*" + secret.encode() * 20]
    request = pb.EmbedRequest(
        features=pb.FEATURES_PIXELS, items=[pb.EmbedItem(id=n, image=one) for n, one in enumerate(encoded)]
    )
    with (
        embedder(model_cache, "--log-level", "debug", *QUICK) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        results = EmbedderServiceStub(channel).Embed(request).results
        server.terminate()  # a call's line is written after its answer
        log = server.log
    errors = [one.error for one in results if one.HasField("error")]
    assert len(errors) >= 3
    assert "Embed OK: 7 items," in log
    assert "corrupt" in log
    for told in (log, *(error.message for error in errors)):
        assert "Doe" not in told
        assert "Patient" not in told
        assert "BytesIO" not in told


def test_check_health(server: Server) -> None:
    wait_until(lambda: run_embedder("--check-health", "--listen", server.address).returncode == 0)
    nobody = run_embedder("--check-health", "--listen", f"127.0.0.1:{free_port()}")
    assert nobody.returncode == 1
    assert "no answer" in nobody.stderr


def test_a_server_that_answers_late_is_busy_and_not_sick(server: Server) -> None:
    command = [sys.executable, "-m", "octcluster_embedder", "--check-health", "--listen", server.address]
    server.process.send_signal(signal.SIGSTOP)
    try:
        asking = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            asking.wait(5)
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert asking.communicate(timeout=60)[0] == "serving\n"


def test_prepare_only_converts_and_ends(model_cache: Path) -> None:
    assert run_embedder("--prepare-only", "--cache-dir", str(model_cache)).returncode == 0
    assert list(model_cache.iterdir())


def test_a_model_that_cannot_be_had_ends_with_1_and_says_so(model_cache: Path) -> None:
    wrong = run_embedder("--listen", f"127.0.0.1:{free_port()}", "--cache-dir", str(model_cache),
                         "--weights-sha256", "0" * 64)  # fmt: skip
    assert wrong.returncode == 1
    assert "sha-256" in wrong.stderr.lower()
    assert "Traceback" not in wrong.stderr


def test_an_address_in_use_ends_with_1_and_names_the_flag(model_cache: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run_embedder("--listen", address, "--cache-dir", str(model_cache))
    assert ended.returncode == 1
    assert f"--listen {address}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_bad_setting_ends_with_2(model_cache: Path) -> None:
    ended = run_embedder("--models", "efficientnet-lite9", "--cache-dir", str(model_cache))
    assert ended.returncode == 2
    assert "--models" in ended.stderr
