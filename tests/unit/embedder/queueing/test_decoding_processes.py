"""Processes that decode: the same images as in threads, whatever becomes of the processes."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from octcluster_embedder.errors import CorruptImage, TooManyPixels
from octcluster_embedder.images.decoding import ImageLimits, decode_image
from octcluster_embedder.metrics import Metrics
from octcluster_embedder.queueing.decoding_processes import DecodingProcesses
from octcluster_embedder.queueing.decoding_threads import DecodingThreads
from PIL import Image
from retina_scans import draw_scan, draw_wide_scan, encode, layer_rows

pytestmark = pytest.mark.heavy

LIMITS = ImageLimits(max_image_pixels=1_000_000)


@pytest.fixture(scope="module")
def scans() -> list[bytes]:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    return [encode(draw_scan(layer_rows())), encode(draw_wide_scan(0)), encode(noise)]


@pytest.fixture(scope="module")
def processes() -> Iterator[DecodingProcesses]:
    started = DecodingProcesses(2, LIMITS)
    yield started
    started.close()


def assert_decodes(processes: DecodingProcesses, image: bytes) -> None:
    expected = decode_image(image, 224, 224, LIMITS, find_retina=True)
    found = processes.decode(image, 224, 224, True)
    np.testing.assert_array_equal(found.plain, expected.plain)
    np.testing.assert_array_equal(found.measures, expected.measures)
    assert (found.retina is None) == (expected.retina is None)
    if expected.retina is not None:
        np.testing.assert_array_equal(found.retina, expected.retina)


def test_images_are_those_that_a_thread_decodes(processes: DecodingProcesses, scans: list[bytes]) -> None:
    for scan in scans:
        assert_decodes(processes, scan)
    assert any(decode_image(scan, 224, 224, LIMITS, find_retina=True).retina is not None for scan in scans)


def test_what_is_wrong_with_an_image_comes_out_as_it_is(
    processes: DecodingProcesses, scans: list[bytes]
) -> None:
    for image, error in ((scans[0][:2000], CorruptImage), (large_image(), TooManyPixels)):
        with pytest.raises(error) as expected:
            decode_image(image, 224, 224, LIMITS)
        with pytest.raises(error) as found:
            processes.decode(image, 224, 224, False)
        assert str(found.value) == str(expected.value)


def large_image() -> bytes:
    stream = io.BytesIO()
    Image.new("L", (1200, 1000)).save(stream, "PNG")
    return stream.getvalue()


def kill_all(processes: DecodingProcesses) -> None:
    for pid in processes._pool._processes:
        os.kill(pid, signal.SIGKILL)


def test_a_process_that_is_killed_costs_no_image(scans: list[bytes]) -> None:
    processes = DecodingProcesses(2, LIMITS)
    try:
        for _ in range(2):
            assert_decodes(processes, scans[0])
            kill_all(processes)
            with ThreadPoolExecutor(4) as threads:
                list(threads.map(lambda scan: assert_decodes(processes, scan), scans * 2))
    finally:
        processes.close()


async def test_an_event_loop_loses_no_image_either(scans: list[bytes]) -> None:
    processes = DecodingProcesses(2, LIMITS)
    expected = [decode_image(scan, 224, 224, LIMITS, find_retina=True).plain for scan in scans]
    try:
        for kills in (False, True):
            if kills:
                kill_all(processes)
            calls = [processes.decode_async(scan, 224, 224, True) for scan in scans]
            for found, plain in zip(await asyncio.gather(*calls), expected, strict=True):
                np.testing.assert_array_equal(found.plain, plain)
    finally:
        processes.close()


def test_processes_share_the_budget_of_pixels(processes: DecodingProcesses, scans: list[bytes]) -> None:
    with ThreadPoolExecutor(1) as thread:
        with processes._budget.hold(2 * LIMITS.max_image_pixels, 1):
            decoding = thread.submit(processes.decode, scans[0], 224, 224, False)
            with pytest.raises(TimeoutError):
                decoding.result(timeout=0.5)
        assert decoding.result(timeout=60).plain.shape == (1, 224, 224, 3)


SERVER = """
import time
from octcluster_embedder.images.decoding import ImageLimits
from octcluster_embedder.queueing.decoding_processes import DecodingProcesses
if __name__ == "__main__":
    processes = DecodingProcesses(2, ImageLimits())
    print(*processes._pool._processes, flush=True)
    time.sleep(600)
"""


def test_processes_end_with_a_server_that_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "server.py"
    program.write_text(SERVER)
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        decoding = [psutil.Process(int(pid)) for pid in server.stdout.readline().split()]
        assert len(decoding) == 2
        os.kill(server.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(decoding, timeout=30)
    assert not alive


@pytest.mark.parametrize(("n_threads", "has_processes"), [(3, False), (4, True)])
def test_many_threads_have_processes_decode_for_them(
    n_threads: int, has_processes: bool, scans: list[bytes]
) -> None:
    decoding = DecodingThreads(n_threads, LIMITS, Metrics())
    try:
        with ThreadPoolExecutor(n_threads) as threads:
            found = list(threads.map(lambda scan: decoding.decode_here(scan, 224, 224, True)[0], scans * 3))
        assert [len(one.plain) for one in found[:3]] == [len(one.plain) for one in found[3:6]]
        assert (decoding._processes is not None) == has_processes
    finally:
        decoding.close()
