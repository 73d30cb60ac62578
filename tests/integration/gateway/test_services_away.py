"""Objects wait for a service that is away, and go on when it is back."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from dicom_senders import read_acknowledged, storescu, write_objects
from gateways import Gateway
from octcluster_gateway.model import State
from octcluster_gateway.spool.entries import Entry
from octcluster_gateway.spool.index import Index
from processes import Server, running_server
from waiting import wait_until


def read_waiting(gateway: Gateway) -> list[Entry]:
    index = Index(gateway.spool / "index.sqlite")
    try:
        return index.list_state(State.PENDING)
    finally:
        index.close()


def test_embedder_that_is_away(
    start_gateway: Callable[..., Gateway], pixel_run: Path, clusterer: Server, tmp_path: Path
) -> None:
    files = write_objects(tmp_path / "files", 3)
    with tempfile.TemporaryDirectory(prefix="oct-", dir="/tmp") as folder:
        address = f"unix:{folder}/embedder.sock"
        gateway = start_gateway(pixel_run, ["--embedder", address, "--clusterer", clusterer.address])
        done = storescu(gateway.port, files)
        assert read_acknowledged(done.stdout + done.stderr) == set(map(str, files))
        # They are tried, and wait with a reason: none is lost, and none is in quarantine.
        wait_until(lambda: all(entry.instance.reason for entry in read_waiting(gateway)), 120)
        assert len(read_waiting(gateway)) == 3
        more = write_objects(tmp_path / "more", 2, first=10)
        done = storescu(gateway.port, more)
        assert read_acknowledged(done.stdout + done.stderr) == set(map(str, more))
        arguments = ("--cache-dir", str(tmp_path / "models"), "--models", "pixels")
        with running_server("octcluster_embedder", address, *arguments):
            gateway.wait_until_processed()
            assert gateway.stop() == 0
    assert len(gateway.results()) == len({line["instance"] for line in gateway.results()}) == 5
