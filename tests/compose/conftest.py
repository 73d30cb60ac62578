"""The shipped compose files on a real engine."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import machine
import pytest
from processes import free_port

PROJECT = "octcluster-test"


@dataclass
class Stack:
    """The running stack: where its two services listen, its files, and docker compose on it."""

    embedder: str
    clusterer: str
    environment: dict[str, str]
    files: tuple[str, ...] = ("docker-compose.yml", "tests/compose/override.yml")

    def compose(
        self,
        *arguments: str,
        timeout: float = 1500,
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
    ) -> str:
        """What a command of docker compose prints, unless it goes into a file."""
        files = [part for file in self.files for part in ("-f", file)]
        command = ["docker", "compose", "-p", PROJECT, *files, *arguments]
        done = subprocess.run(
            command,
            cwd=machine.REPOSITORY,
            env=self.environment,
            stdin=stdin,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=timeout,
        )
        printed = (done.stdout or b"").decode()
        assert done.returncode == 0, (
            f"{' '.join(command)}:\n{printed[-4000:]}\n{done.stderr.decode()[-4000:]}"
        )
        return printed

    def up(self, *arguments: str) -> None:
        """Brings the stack into the state that its files and these arguments say, whatever it was in."""
        try:
            self.compose("up", "--wait", "--wait-timeout", "300", *arguments)
        except AssertionError as fault:
            fault.add_note(self.describe_containers())
            raise

    def describe_containers(self) -> str:
        """The last checks of each container's health, and the last lines that it printed."""
        told = []
        for container in self.compose("ps", "--all", "--quiet").split():
            told.append(self.docker("inspect", "--format", "{{.Name}} {{json .State.Health}}", container))
            told.append(self.docker("logs", "--tail", "20", container))
        return "\n".join(told)

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
def built() -> Iterator[Stack]:
    """The images of the stack, of which nothing runs yet; all is removed before and after."""
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
        stack.compose(
            "down", "--volumes", "--remove-orphans"
        )  # what an interrupted run has left, cached vectors above all
        stack.compose("build")
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans", "--timeout", "30")


@pytest.fixture(scope="module")
def stack(built: Stack) -> Stack:
    """The stack as it is shipped. A file of tests that needs another one brings it into that state itself."""
    built.up("--scale", "embedder=1")
    return built


@pytest.fixture(scope="package")
def few_images(oct_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 25 images of each class, where their number is no part of the proof."""
    folder = tmp_path_factory.mktemp("few")
    for of_class in sorted(path for path in oct_images.iterdir() if path.is_dir()):
        images = sorted(of_class.rglob("*.jp*g"))
        (folder / of_class.name).mkdir()
        for image in images[:: max(1, len(images) // 25)]:
            shutil.copy(image, folder / of_class.name)
    return folder
