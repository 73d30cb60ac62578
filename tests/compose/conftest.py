"""The shipped compose files on a real engine."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import machine
import pytest
from processes import free_port, free_ports


@dataclass
class Stack:
    """The running stack: where its two services listen, its files, and docker compose on it."""

    embedder: str
    clusterer: str
    environment: dict[str, str]
    files: tuple[str, ...] = ("docker-compose.yml", "tests/compose/override.yml")

    def compose(self, *arguments: str, timeout: float = 1500) -> str:
        files = [part for file in self.files for part in ("-f", file)]
        command = ["docker", "compose", "-p", "octcluster-test", *files, *arguments]
        done = subprocess.run(
            command,
            cwd=machine.REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def containers(self, service: str) -> list[str]:
        """The ids of the service's containers."""
        return self.compose("ps", "-q", service).split()

    def docker(self, *arguments: str) -> str:
        """What a command of docker itself prints, logs included."""
        done = subprocess.run(
            ["docker", *arguments], env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout + done.stderr

    def embedded_by(self, container: str) -> int:
        """Number of images that an embedder's container has answered."""
        return sum(map(int, re.findall(r" Embed OK: (\d+) items", self.docker("logs", container))))

    def container(self, service: str) -> Any:
        """What ``docker inspect`` says of the service's container."""
        (container,) = self.compose("ps", "-q", service).split()
        inspected = subprocess.run(
            ["docker", "inspect", container], env=self.environment, capture_output=True, text=True, check=True
        )
        return json.loads(inspected.stdout)[0]


def engine_answers() -> bool:
    try:
        for command in (["docker", "info"], ["docker", "compose", "version"]):
            if subprocess.run(command, capture_output=True, timeout=30).returncode != 0:
                return False
    except (OSError, subprocess.TimeoutExpired):
        return False
    return True


@pytest.fixture(scope="package")  # not longer: the checks of its health take their share of the processors
def stack() -> Iterator[Stack]:
    """``docker compose up --wait`` on the files as they are shipped; all is removed before and after."""
    machine.need(engine_answers(), "a container engine with docker compose", "install Docker and start it")
    ports = free_port(), free_port()
    environment = {
        **os.environ,
        "OCTCLUSTER_EMBEDDER_PORT": str(ports[0]),
        "OCTCLUSTER_CLUSTERER_PORT": str(ports[1]),
        "DOCKER_BUILDKIT": "1",
    }
    stack = Stack(f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}", environment)
    try:
        stack.compose("down", "--volumes")  # what an interrupted run has left, cached vectors above all
        stack.compose("up", "--build", "--wait", "--wait-timeout", "300")
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "30")


@pytest.fixture(scope="module")
def three_embedders(stack: Stack) -> Iterator[Stack]:
    """The stack as it is asked for three embedders, all in its address, each on a port of its own."""
    ports = free_ports(3)
    environment = {**stack.environment, "OCTCLUSTER_EMBEDDER_PORT": f"{ports[0]}-{ports[-1]}"}
    three = replace(stack, embedder=",".join(f"127.0.0.1:{port}" for port in ports), environment=environment)
    try:
        yield three
    finally:
        stack.compose("up", "--wait", "--wait-timeout", "300", "--scale", "embedder=1")


@pytest.fixture
def scaled(three_embedders: Stack) -> Stack:
    """The stack with three embedders that serve: one that a test has killed is started again."""
    three_embedders.compose("up", "--wait", "--wait-timeout", "300", "--scale", "embedder=3")
    return three_embedders
