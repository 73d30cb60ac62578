"""What docs/hospital.md says of an installation is what the files for it say."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from machine import REPOSITORY
from octcluster_gateway.settings import ServeSettings
from octcluster_gateway.spool_settings import PREFIX

_SYSTEMD = REPOSITORY / "deploy/systemd"
_UNIT = (_SYSTEMD / "octcluster-gateway.service").read_text()
_MANUAL = (REPOSITORY / "docs/hospital.md").read_text()


def settings_of_unit() -> dict[str, str]:
    lines = (_SYSTEMD / "gateway.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def section(title: str) -> str:
    return _MANUAL.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_unit_is_one_of_systemd(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze: apt install systemd")
    unit = tmp_path / "octcluster-gateway.service"
    program = "/opt/octcluster/bin/octcluster-gateway"
    assert program in _UNIT
    unit.write_text(_UNIT.replace(program, sys.executable))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, [])


def test_settings_of_the_unit_are_known_and_lie_where_it_may_write() -> None:
    settings = settings_of_unit()
    fields = {f"{PREFIX}{name.upper()}" for name in ServeSettings.model_fields}
    assert settings.keys() - fields == set()
    writable = re.findall(r"^ReadWritePaths=(.*)$", _UNIT, re.MULTILINE)
    for name in ("SPOOL", "RESULTS"):
        assert Path(settings[PREFIX + name]).parent == Path(*writable)


def test_manual_makes_what_the_unit_needs() -> None:
    steps = section("Install it")
    needed = [re.findall(rf"^{key}=(\S+)", _UNIT, re.MULTILINE)[0] for key in ("User", "EnvironmentFile")]
    needed += [value for value in settings_of_unit().values() if value.startswith("/etc/octcluster/")]
    words = {word.rpartition("/")[2] for word in re.findall(r"[\w./-]+", steps)}
    assert {Path(one).name for one in needed} - words == set()


def test_ports_of_the_containers_are_those_that_they_open() -> None:
    table = section("Ports")
    rows = [row.split("|")[2].strip() for row in table.splitlines() if row.startswith("| ")]
    told = {int(port) for row in rows for port in re.findall(r"\d{4,5}", row)}
    stack = yaml.safe_load((REPOSITORY / "docker-compose.hospital.yml").read_text())["services"]
    environment = stack["gateway"]["environment"]
    opened = {int(environment[f"{PREFIX}{name}"].rpartition(":")[2]) for name in ("LISTEN", "METRICS_LISTEN")}
    opened |= {int(port.rpartition(":")[2]) for port in stack["pacs"]["ports"]}
    for port in re.findall(r"EXPOSE (\d+)", (REPOSITORY / "gateway/Dockerfile").read_text()):
        opened.add(int(port))
    services = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
    for name in ("embedder", "clusterer"):
        opened |= {int(port.rpartition(":")[2]) for port in services[name]["ports"]}
    redis = re.search(r"--tls-port (\d+)", (REPOSITORY / "clusterer/redis/start").read_text())
    assert redis is not None
    assert told == opened | {int(redis[1])}


def test_audit_log_of_the_container_is_named() -> None:
    dockerfile = (REPOSITORY / "gateway/Dockerfile").read_text()
    found = re.search(r"OCTCLUSTER_GATEWAY_AUDIT_LOG=(\S+)", dockerfile)
    assert found is not None
    assert f"audit verify {found[1]}" in section("Check the audit log")
