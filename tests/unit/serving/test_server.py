"""The shell around a small service: health as ``--check-health`` asks for it, addresses, and the end."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from octcluster_serving.errors import CannotListen
from octcluster_serving.health import ask_health, check_health
from octcluster_serving.metrics import ServerMetrics
from octcluster_serving.server import STREAM_WINDOW_BYTES, RunningServer, running_server, wait_for_signal
from octcluster_serving.service import Service
from octcluster_serving.settings import Listen, ServerSettings
from processes import free_port
from pydantic_settings import SettingsConfigDict

pytestmark = pytest.mark.heavy

SERVICE = Service("trial.v1.TrialService", "octcluster-serving", "it is tried", {})


class Settings(ServerSettings):
    """Tries the shell."""

    model_config = SettingsConfigDict(cli_prog_name="octcluster-trial", env_prefix="OCTCLUSTER_TRIAL_")

    listen: Listen = "127.0.0.1:50059"


def settings_of(listen: str, *flags: str) -> ServerSettings:
    return Settings.load(["--listen", listen, "--insecure", *flags])


def running(
    settings: ServerSettings, service: Service = SERVICE, metrics: ServerMetrics | None = None
) -> AbstractAsyncContextManager[RunningServer]:
    return running_server(service, settings, metrics or ServerMetrics("trial"), lambda _server: None)


async def ask(service: Service, listen: str) -> str | None:
    return await asyncio.to_thread(ask_health, service, listen)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "[::]", "unix"])
async def test_health_is_asked_wherever_the_server_listens(host: str, tmp_path: Path) -> None:
    listen = f"unix:{tmp_path}/0.0.0.0:1" if host == "unix" else f"{host}:{free_port()}"
    metrics = ServerMetrics("trial")
    async with running(settings_of(listen), metrics=metrics) as server:
        assert await ask(SERVICE, listen) == "the server does not serve: it is tried"
        await server.tell_serving(True)
        assert await ask(SERVICE, listen) is None
        assert metrics.registry.get_sample_value("trial_serving") == 1
        await server.tell_stopping(0)
        assert await ask(SERVICE, listen) == "the server does not serve: it is tried"
        assert metrics.registry.get_sample_value("trial_serving") == 0
    assert await ask(SERVICE, listen) == f"no answer from {listen}: UNAVAILABLE"


@pytest.mark.parametrize("alive", [False, True])
async def test_a_service_that_waits_for_another_server_is_alive_before_it_serves(
    alive: bool, tmp_path: Path
) -> None:
    listen, whole = f"unix:{tmp_path}/s.sock", replace(SERVICE, name="")
    service = replace(SERVICE, alive_before_serving=alive)
    async with running(settings_of(listen), service) as server:
        assert (await ask(whole, listen) is None) == alive
        assert await ask(service, listen) is not None
        await server.tell_serving(True)
        assert await ask(whole, listen) is await ask(service, listen) is None


async def test_the_check_of_the_health_has_exit_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # An address of its own: gRPC does not try one again at once that did not answer.
    nobody, settings = (settings_of(f"unix:{tmp_path}/{name}.sock") for name in ("nobody", "s"))
    assert await asyncio.to_thread(check_health, SERVICE, nobody) == 1
    assert "no answer" in capsys.readouterr().err
    async with running(settings) as server:
        await server.tell_serving(True)
        assert await asyncio.to_thread(check_health, SERVICE, settings) == 0
    assert capsys.readouterr().out == "serving\n"


async def test_two_servers_do_not_share_an_address() -> None:
    settings = settings_of(f"127.0.0.1:{free_port()}")
    async with running(settings), AsyncExitStack() as stack:
        with pytest.raises(CannotListen, match=f"--listen {settings.listen}"):
            await stack.enter_async_context(running(settings))


async def test_the_log_says_neither_path_nor_host(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with running(settings_of(f"unix:{tmp_path}/s.sock")):
        pass
    assert [record.getMessage() for record in caplog.records] == ["listening on a Unix socket", "stopped"]


@pytest.mark.parametrize("served", [False, True])
async def test_reflection_is_off_unless_asked_for(served: bool, tmp_path: Path) -> None:
    settings = settings_of(f"unix:{tmp_path}/s.sock", *(["--reflection"] if served else []))
    requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    async with running(settings), grpc.aio.insecure_channel(settings.listen) as channel:
        answers = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(requests)
        if served:
            (answer,) = [one async for one in answers]
            assert SERVICE.name in {one.name for one in answer.list_services_response.service}
        else:
            with pytest.raises(grpc.aio.AioRpcError, match="UNIMPLEMENTED"):
                _ = [one async for one in answers]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_asks_for_the_end(number: int) -> None:
    waiting = asyncio.create_task(wait_for_signal())
    await asyncio.sleep(0)
    assert not waiting.done()
    try:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(waiting, 30)
    finally:
        for handled in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(handled)


async def test_little_of_a_stream_is_taken_before_it_is_read(tmp_path: Path) -> None:
    listen, most, piece = f"unix:{tmp_path}/s.sock", 2**21, bytes(2**13)
    is_over = asyncio.Event()

    async def read_nothing(_requests: AsyncIterator[bytes], _context: object) -> bytes:
        await is_over.wait()
        return b""

    def add_servicer(server: grpc.aio.Server) -> None:
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "Wait": grpc.stream_unary_rpc_method_handler(read_nothing)
        }
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE.name, methods)])

    async def send(call: grpc.aio.StreamUnaryCall[bytes, bytes]) -> None:
        while sent[call] < most:
            await call.write(piece)
            sent[call] += len(piece)

    metrics = ServerMetrics("trial")
    async with (
        running_server(SERVICE, settings_of(listen), metrics, add_servicer),
        grpc.aio.insecure_channel(listen) as channel,
    ):
        wait: grpc.aio.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(f"/{SERVICE.name}/Wait")
        sent = {wait(): 0 for _ in range(4)}
        sending = [asyncio.create_task(send(call)) for call in sent]
        await asyncio.wait(sending, timeout=2)
        for task in sending:
            task.cancel()
        is_over.set()
    # The client has a buffer of its own, of 64 KiB.
    assert 0 < max(sent.values()) <= STREAM_WINDOW_BYTES + 2**16 + len(piece)
