"""``octcluster explore`` as a process of its own, and what asks it as its page does."""

import contextlib
import json
import re
import signal
import struct
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
from known import known
from numpy.typing import NDArray
from waiting import wait_until

_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]+/")
WHO = "Dr. Example"


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers and body."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])


@dataclass(frozen=True)
class Caller:
    """Asks an explorer.

    Attributes:
        address: Address of its page.
        process: Its process; None: it is in this one.
    """

    address: str
    process: subprocess.Popen[str] | None = None

    def ask(self, path: str, headers: Mapping[str, str] | None = None, data: bytes | None = None) -> Answer:
        """Asks for a path below the address; for a whole address, if it is one."""
        address = path if path.startswith("http:") else self.address + path
        request = urllib.request.Request(address, data=data, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Sends JSON values."""
        sent = {"content-type": "application/json", **(headers or {})}
        return self.ask(path, sent, json.dumps(body).encode())

    def state(self) -> Any:
        return self.ask("api/state").json

    def do(self, **act: Any) -> Any:
        """Does an act on the present state; returns the state after it."""
        body = {"who": WHO, "version": self.state()["version"], "act": act}
        answer = self.post("api/acts", body)
        assert answer.status == 200, answer.body
        return answer.json["state"]

    def step(self, kind: str) -> Any:
        """Undoes or redoes."""
        answer = self.post(f"api/{kind}", {"who": WHO, "version": self.state()["version"]})
        assert answer.status == 200, answer.body
        return answer.json["state"]

    def membership(self) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.int32]]:
        """Group, flags and label of each image."""
        state = self.state()
        body = self.ask(f"api/membership?version={state['version']}").body
        rows = sum(group["images"] for group in state["groups"])
        assert len(body) == 9 * rows
        return (
            np.frombuffer(body, "<i4", rows),
            np.frombuffer(body, "u1", rows, 4 * rows),
            np.frombuffer(body[5 * rows :], "<i4", rows),
        )

    def columns(self) -> tuple[dict[str, NDArray[Any]], dict[str, list[str]]]:
        """The columns by name, and the values of those that are codes."""
        return read_columns(self.ask("api/columns").body)


def read_columns(body: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, list[str]]]:
    """Reads columns as the page does; every array must be aligned."""
    (length,) = struct.unpack_from("<I", body)
    header = json.loads(body[4 : 4 + length])
    start = 4 + length
    assert start % 8 == 0
    arrays = {}
    for column in header["columns"]:
        assert column["offset"] % 8 == 0
        kind = column["kind"] if column["kind"] == "u1" else "<" + column["kind"]
        arrays[column["name"]] = np.frombuffer(body, kind, header["rows"], start + column["offset"])
    return arrays, {column["name"]: column["values"] for column in header["columns"] if "values" in column}


@contextlib.contextmanager
def running_explorer(result: Path, *arguments: object) -> Iterator[Caller]:
    """``octcluster explore`` while the block runs; it is ended as by Ctrl-C."""
    program = Path(sys.executable).with_name("octcluster")
    command = [str(program), "explore", str(result), "--no-browser", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield Caller(_read_address(process), process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def _read_address(process: subprocess.Popen[str]) -> str:
    def find() -> str | None:
        line = process.stdout.readline() if process.stdout else ""
        found = _ADDRESS.search(line)
        if found is None and process.poll() is not None:
            raise AssertionError(process.stderr.read() if process.stderr else "")
        return found[0] if found else None

    return known(wait_until(find, 120))
