"""What goes out of a gateway that serves: to the PACS, to the collector, and nowhere else a name."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from certificates import make_certificates
from dicom_senders import storescu
from gateways import Gateway
from identifying import CANARIES, write_identified
from machine import need, openssl
from pacs import Pacs, running_pacs
from processes import Server, free_port
from stores import Store
from syslog_collector import running_collector
from waiting import wait_until

pytestmark = pytest.mark.heavy
# Six digits alone turn up in any hexadecimal number.
_SOUGHT = [canary for canary in CANARIES if canary != "040302"]


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    with running_pacs(tmp_path / "pacs") as running:
        yield running


@pytest.fixture
def read_services(pixel_embedder: Server, clusterer: Server, store: Store) -> Callable[[], bytes]:
    """All that the services logged, and all that Redis holds."""
    return lambda: (pixel_embedder.log + clusterer.log).encode() + read_store(store)


def read_store(store: Store) -> bytes:
    """All that Redis holds, keys and values."""
    client = redis.Redis.from_url(store.url)
    return b"".join(key + (client.dump(key) or b"") for key in client.scan_iter("*"))


def test_pacs_has_the_reports_and_nobody_else_a_name(
    start_gateway: Callable[..., Gateway],
    pixel_run: Path,
    pixel_services: list[str],
    read_services: Callable[[], bytes],
    pacs: Pacs,
    tmp_path: Path,
) -> None:
    need(openssl(), "openssl", "apt-get install openssl")
    certificates = make_certificates(tmp_path / "certificates")
    syslog_port = free_port()
    flags = ["--reports-to", f"PACS@127.0.0.1:{pacs.dicom_port}"]
    flags += ["--syslog", f"127.0.0.1:{syslog_port}", "--syslog-ca", str(certificates.ca)]
    with running_collector(tmp_path / "collector", syslog_port, certificates) as collected:
        gateway = start_gateway(pixel_run, pixel_services, *flags)
        volumes = [write_identified(tmp_path / f"sent/{eye}.dcm", eye) for eye in ("R", "L")]
        assert "CANARY_TEXT" in volumes[0].read_text("latin-1")
        storescu(gateway.port, volumes)
        wait_until(lambda: len(pacs.ask("/instances")) == 2, 120)
        wait_until(lambda: collected.exists() and collected.read_text().count("</AuditMessage>") >= 4, 120)
        gateway.stop()
    results = {line["eye"]: line["cluster"] for line in gateway.results()}
    told = {}
    for name in pacs.ask("/instances"):
        tags = json.dumps(pacs.ask(f"/instances/{name}/simplified-tags"))
        eye = "OD" if "24028007" in tags else "OS"
        told[eye] = next(cluster for cluster in results.values() if f"cluster-{cluster}" in tags)
        assert "CANARY_TEXT" in tags  # the report names the patient, as the object does
    assert told == results
    places = {
        "log": gateway.log.encode(),
        "results": gateway.results_file.read_bytes(),
        "services": read_services(),
        "map": (gateway.spool / "identities.sqlite").read_bytes(),
    }
    found = [
        (place, text) for place, content in places.items() for text in _SOUGHT if text.encode() in content
    ]
    assert found == []
