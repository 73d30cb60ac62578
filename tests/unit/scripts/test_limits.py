"""The script that fits the compose stack to a machine."""

import os
import subprocess

import pytest
from machine import REPOSITORY


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = REPOSITORY / "scripts" / "limits"
    return subprocess.run([script, *arguments], capture_output=True, text=True, check=False)


def mebibytes(text: str) -> dict[str, int]:
    lines = (line.split("=") for line in text.split())
    return {name: int(value.removesuffix("m")) for name, value in lines if name.endswith("_MEMORY")}


def test_defaults_of_the_stack_are_those_of_a_machine_with_8_gb() -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text()
    for name, limit in mebibytes(call("8g").stdout).items():
        assert f"${{{name}:-{limit // 1024}g}}" in text


@pytest.mark.parametrize("memory", ["4g", "64g", "6000m", "1000g"])
def test_an_eighth_stays_the_machines(memory: str) -> None:
    total = int(memory[:-1]) * (1024 if memory.endswith("g") else 1)
    shares = mebibytes(call(memory).stdout)
    assert 0.87 * total < sum(shares.values()) <= 0.875 * total


def test_takes_all_of_the_machine_unless_told() -> None:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    if machine >= 4096:
        assert sum(mebibytes(call().stdout).values()) == pytest.approx(0.875 * machine, abs=8)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["3g"], "4g at least"),
        (["64"], "whole number with g or m"),
        (["6.4g"], "whole number with g or m"),
        (["8g", "9g"], "one MEMORY"),
        (["--processors"], "--processors needs"),
        (["--processors", "all"], "--processors needs"),
        (["--memory", "8g"], "no option --memory"),
    ],
)
def test_a_mistake_is_named(arguments: list[str], word: str) -> None:
    done = call(*arguments)
    assert done.returncode == 2
    assert word in done.stderr
    assert done.stdout == ""
