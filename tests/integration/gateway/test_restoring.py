"""A backup that is put back: the gateway goes on, and nothing acknowledged before it is missing."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from dicom_senders import read_acknowledged, sop_instance, storescu, write_objects
from gateways import Gateway
from loss_trial import MortalEmbedder
from machine import REPOSITORY
from octcluster_gateway.audit.chain import verify
from octcluster_gateway.cli.main import run_command
from octcluster_gateway.model import State
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from processes import Server


def send(gateway: Gateway, files: list[Path]) -> None:
    done = storescu(gateway.port, files)
    assert read_acknowledged(done.stdout + done.stderr) == set(map(str, files))


def call_manual(what: str, gateway: Gateway, keys: Path, folder: Path) -> None:
    """Calls the lines of docs/hospital.md that call tar so, with the folders of this test."""
    text = (REPOSITORY / "docs/hospital.md").read_text().split("\n## Backup and restore\n")[1]
    lines = [line for line in text.split("\n## ")[0].splitlines() if f" -{what} " in line]
    assert len(lines) == 2
    places = {"/var/lib/octcluster": gateway.folder, "/etc/octcluster": keys}
    for place in ("backup", "backup-of-keys"):
        places[f"/{place}/"] = folder / place
        places[f"/{place}/"].mkdir(exist_ok=True)
    for line in lines:
        found = re.sub("|".join(places), lambda match: f"{places[match[0]]}/", line)
        subprocess.run(found, shell=True, check=True)


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
            keys = gateway.secrets[0].parent
            call_manual("czf", gateway, keys, tmp_path)
            for made in (gateway.folder, keys):
                shutil.rmtree(made)
                made.mkdir()
            call_manual("xpzf", gateway, keys, tmp_path)
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
