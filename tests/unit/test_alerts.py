"""The alerts for Prometheus: they come when they should, and ask for metrics that the servers have."""

import re
import shutil
import subprocess

import machine
import pytest
from octcluster_clusterer.metrics import Metrics as ClustererMetrics
from octcluster_embedder.metrics import Metrics as EmbedderMetrics
from octcluster_gateway.metrics import GatewayMetrics

RULES = machine.REPOSITORY / "docs/prometheus/alerts.yml"
TESTS = machine.REPOSITORY / "tests/files/prometheus/alerts_test.yml"
# Prometheus itself makes it of each server that it asks.
_OF_PROMETHEUS = {"up"}


def exported_names() -> set[str]:
    """The names of all samples that either server shows, process and all."""
    names = set(_OF_PROMETHEUS)
    for metrics in (ClustererMetrics(), EmbedderMetrics(), GatewayMetrics()):
        for family in metrics.registry.collect():
            suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
            names |= {family.name + suffix for suffix in suffixes.get(family.type, [""])}
    return names


def named_metrics(text: str) -> set[str]:
    return set(
        re.findall(
            r"\b(?:octcluster_(?:embedder|clusterer|gateway)_\w+|process_\w+_(?:seconds|bytes)\w*|up)\b", text
        )
    )


def expressions() -> str:
    """What the rules ask, without what they tell people."""
    lines = RULES.read_text().splitlines()
    return "\n".join(line for line in lines if not re.match(r" *(#|- alert|summary|action)", line))


def test_each_metric_of_the_rules_is_one_of_the_servers() -> None:
    named = named_metrics(expressions())
    assert len(named) > 10
    assert named <= exported_names()


def test_each_metric_of_the_dashboard_is_one_of_the_servers() -> None:
    dashboard = (machine.REPOSITORY / "docs/grafana/octcluster.json").read_text()
    asked = "\n".join(re.findall(r'"expr": "(.*)"', dashboard))
    named = named_metrics(asked)
    assert len(named) > 20
    assert named <= exported_names()


def test_each_alert_is_tried_and_says_what_to_do() -> None:
    text = RULES.read_text()
    alerts = re.findall(r"- alert: (\w+)", text)
    assert len(alerts) == len(set(alerts)) > 10
    tried = TESTS.read_text()
    for alert in alerts:
        assert alert.removeprefix("Octcluster") in tried
    for part in ("severity: (?:critical|warning)", "summary: ", "action: "):
        assert len(re.findall(part, text)) == len(alerts)


@pytest.mark.heavy
def test_alerts_come_when_they_should_and_not_before() -> None:
    promtool = shutil.which("promtool")
    machine.need(promtool, "promtool", "install it (Debian: apt-get install prometheus)")
    scraping = RULES.with_name("prometheus.yml")
    for arguments in (("test", "rules", TESTS), ("check", "config", "--syntax-only", scraping)):
        done = subprocess.run([str(promtool), *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
