"""What S3 refuses or does not answer is told with its cure, in bounded time, and without names."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from octcluster_clusterer.errors import StoreRefused, StoreUnavailable
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.opening import VectorPlace, open_vectors
from octcluster_clusterer.store.parquet.faults import translate
from processes import free_port
from s3 import S3, running_s3
from vector_places import read_shards

pytestmark = pytest.mark.heavy

SPACE = VectorSpace(b"\x01" * 32, dimension=64)

KILLED_WRITER = """
import os, sys, threading
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.store.opening import VectorPlace, open_vectors
cache = open_vectors(VectorPlace(sys.argv[1]))
space = VectorSpace(b"\\x02" * 32, dimension=2**18)
cache.put(space, [(b"k" * 32, bytes(2**20))])
print("acknowledged", flush=True)
cache.put(space, [(bytes([n]) * 32, bytes(2**20)) for n in range(64)])
print("all", flush=True)
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with running_s3() as running:
        yield running


def make_vectors(n_vectors: int) -> list[tuple[bytes, bytes]]:
    values = np.random.default_rng().normal(size=(n_vectors, SPACE.dimension)).astype("<f4")
    return [(os.urandom(32), row.tobytes()) for row in values]


def test_a_bucket_that_is_not_there(s3: S3, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    cache = open_vectors(VectorPlace(f"s3://doe-jane/v{s3.query}"))
    for call in (
        cache.ping,
        lambda: cache.find_missing(SPACE, [b"k" * 32]),
        lambda: cache.put(SPACE, make_vectors(1)),
    ):
        with pytest.raises(StoreRefused, match="its bucket is not there: make the bucket") as caught:
            call()
        assert "jane" not in str(caught.value)
    assert "jane" not in caplog.text


@pytest.mark.parametrize("stopped", [True, False], ids=["silent", "away"])
def test_a_server_that_does_not_answer(s3: S3, stopped: bool) -> None:
    url = (
        s3.new_url()
        if stopped
        else f"s3://b/v?endpoint_override=127.0.0.1:{free_port()}&scheme=http&region=x"
    )
    cache = open_vectors(VectorPlace(url, timeout_seconds=1))
    if stopped:
        os.kill(s3.process.pid, signal.SIGSTOP)
    try:
        for call in (
            cache.ping,
            lambda: cache.find_missing(SPACE, [b"k" * 32]),
            lambda: cache.put(SPACE, make_vectors(3)),
        ):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable, match="S3 does not answer: check the network"):
                call()
            assert time.monotonic() - began < 60
    finally:
        if stopped:
            os.kill(s3.process.pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("message", "kind", "words"),
    [
        ("AWS Error ACCESS_DENIED during PutObject operation: /Doe^Jane", StoreRefused, "allow to list, get"),
        ("When x in bucket 'Doe': AWS Error INVALID_ACCESS_KEY_ID during", StoreRefused, "AWS_ACCESS_KEY_ID"),
        ("AWS Error SIGNATURE_DOES_NOT_MATCH during Doe", StoreRefused, "AWS_SECRET_ACCESS_KEY"),
        ("AWS Error SLOW_DOWN during ListObjectsV2 of Doe", StoreUnavailable, "does not answer"),
        ("AWS Error UNKNOWN (HTTP status 503) in Doe", StoreUnavailable, "does not answer"),
    ],
)
def test_the_word_of_an_error_decides_what_is_told(
    message: str, kind: type[Exception], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = translate(OSError(message))
    assert type(told) is kind
    assert words in str(told)
    assert "Doe" not in str(told) + caplog.text


def test_a_writer_killed_in_the_middle_of_an_upload_leaves_no_half_shard(s3: S3) -> None:
    url = s3.new_url()
    for pause in np.linspace(0, 0.6, 5):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED_WRITER, url], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "acknowledged\n"
            time.sleep(pause)
            writer.send_signal(signal.SIGKILL)
            acknowledged_all = writer.stdout.read() == "all\n"
        space = VectorSpace(b"\x02" * 32, dimension=2**18)
        keys = [b"k" * 32, *(bytes([number]) * 32 for number in range(64))]
        missing = open_vectors(VectorPlace(url)).find_missing(space, keys)
        assert len(missing) in ((0,) if acknowledged_all else (0, 64))
        assert all(content.endswith(b"PAR1") for content in read_shards(url).values())
        if not missing:
            url = s3.new_url()
