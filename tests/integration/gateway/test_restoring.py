"""A backup that is put back: the gateway goes on, and nothing acknowledged before it is missing."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from dicom_senders import read_acknowledged, sop_instance, storescu, write_objects
from gateways import Gateway
from loss_trial import MortalEmbedder
from octcluster_gateway.audit.chain import verify
from octcluster_gateway.cli.main import run_command
from octcluster_gateway.model import State
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from processes import Server


def send(gateway: Gateway, files: list[Path]) -> None:
    done = storescu(gateway.port, files)
    assert read_acknowledged(done.stdout + done.stderr) == set(map(str, files))


def test_gateway_goes_on_from_its_backup(
    start_gateway: Callable[..., Gateway], pixel_run: Path, clusterer: Server, tmp_path: Path
) -> None:
    early, late = (write_objects(tmp_path / "files", 2, first=first) for first in (1, 3))
    with tempfile.TemporaryDirectory(prefix="oct-", dir="/tmp") as folder:
        embedder = MortalEmbedder(f"unix:{folder}/embedder.sock", tmp_path / "models")
        embedder.start()
        try:
            services = ["--embedder", embedder.address, "--clusterer", clusterer.address]
            gateway = start_gateway(pixel_run, services)
            send(gateway, early)
            gateway.wait_until_processed()
            embedder.stop()
            send(gateway, late)
            gateway.kill()
            shutil.copytree(gateway.folder, tmp_path / "backup")
            shutil.rmtree(gateway.folder)

            shutil.copytree(tmp_path / "backup", gateway.folder)
            embedder.start()
            gateway.start()
            send(gateway, [*early, *late])
            gateway.wait_until_processed()
            gateway.kill()
        finally:
            embedder.stop()
    pseudonyms = Pseudonyms(gateway.secrets[0].read_bytes())
    expected = sorted(pseudonyms.instance(sop_instance(number)) for number in range(1, 5))
    assert sorted(line["instance"] for line in gateway.results()) == expected
    assert gateway.count(State.DONE) == 4
    verify(gateway.spool / "audit.jsonl")
    flags = ["--spool", str(gateway.spool), "--map-key-file", str(gateway.secrets[1])]
    assert run_command(["reidentify", *flags, *{line["patient"] for line in gateway.results()}]) == 0
