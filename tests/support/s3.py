"""A server that speaks as S3 does, in a process of its own, and what it takes to reach it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from processes import free_port
from pyarrow import fs
from waiting import wait_until

# As a person sets them up; the server takes any.
KEYS = {
    "AWS_ACCESS_KEY_ID": "testing-id",
    "AWS_SECRET_ACCESS_KEY": "testing-secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}
BUCKET = "vectors"

# The server of moto for all services searches its folders at each request for the one that is meant.
S3_ALONE = """
import sys, time
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple
app = create_backend_app("s3")
def answer(environ, start_response):
    time.sleep(float(sys.argv[2]))
    return app(environ, start_response)
run_simple("127.0.0.1", int(sys.argv[1]), answer, threaded=True, request_handler=MotoRequestHandler)
"""


@dataclass
class S3:
    """A running server with one bucket."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def query(self) -> str:
        return f"?endpoint_override=127.0.0.1:{self.port}&scheme=http&region=us-east-1"

    def new_url(self) -> str:
        """A place where nothing is yet."""
        return f"s3://{BUCKET}/{uuid4().hex}{self.query}"

    def bucket(self) -> fs.S3FileSystem:
        return fs.S3FileSystem(
            endpoint_override=f"127.0.0.1:{self.port}",
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
        )


@contextlib.contextmanager
def running_s3(delay_seconds: float = 0) -> Iterator[S3]:
    """Runs a server until the block ends; this process, and those that it starts, have its keys meanwhile.

    Args:
        delay_seconds: How long each request waits for its answer.
    """
    port = free_port()
    command = [sys.executable, "-c", S3_ALONE, str(port), str(delay_seconds)]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                server = S3(process, port)
                wait_until(lambda: _has_bucket(server))
                yield server
            finally:
                process.kill()


def _has_bucket(server: S3) -> bool:
    assert server.process.poll() is None
    try:
        server.bucket().create_dir(BUCKET)
    except OSError:
        return False
    return True


def without_keys() -> dict[str, str]:
    """The environment of a process that has no keys."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_EC2_METADATA_DISABLED": "true"
    }
