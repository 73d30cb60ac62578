"""Erasing a patient reaches the vectors in Redis, and nobody else's."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from dicom_senders import storescu, write_objects
from gateways import Gateway
from octcluster_gateway.cli.main import run_command
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from octcluster_gateway.spool.opening import open_index
from pyarrow import parquet
from stores import Store


def list_image_keys(gateway: Gateway, patient: str) -> list[bytes]:
    pseudonym = Pseudonyms(gateway.secrets[0].read_bytes()).patient(patient)
    index = open_index(gateway.spool)
    found = index.list_image_keys([entry.instance.spool_id for entry in index.list_patient(pseudonym)])
    index.close()
    return found


def count_vectors(store: Store, image_keys: list[bytes]) -> int:
    """The number of values in Redis that stand under one of these image keys, in whichever space."""
    names = list(redis.Redis.from_url(store.url).scan_iter("octcluster:v1:vector:*", count=5000))
    return sum(name[-32:] in image_keys for name in names)


def test_vectors_of_the_patient_are_gone(
    start_gateway: Callable[..., Gateway],
    pixel_run: Path,
    pixel_services: list[str],
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gateway = start_gateway(pixel_run, pixel_services)
    storescu(gateway.port, write_objects(tmp_path / "files", 2, first=70))
    gateway.wait_until_processed()
    gateway.stop()
    table = gateway.results_file.parent / "eyes.parquet"
    assert parquet.read_metadata(table).num_rows == 2
    own, others = (list_image_keys(gateway, patient) for patient in ("P-70", "P-71"))
    assert len(own) == len(others) == 2
    before = [count_vectors(store, keys) for keys in (own, others)]
    assert min(before) >= 2
    flags = ["--spool", str(gateway.spool), "--results", str(gateway.results_file.parent)]
    flags += ["--secret-file", str(gateway.secrets[0]), "--map-key-file", str(gateway.secrets[1])]
    assert run_command(["erase", *flags, *pixel_services[2:], "P-70"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["objects"], told["results"], told["vectors"]) == (1, 1, before[0])
    assert [count_vectors(store, keys) for keys in (own, others)] == [0, before[1]]
    assert list_image_keys(gateway, "P-70") == []
    assert len(gateway.results()) == 1
    assert not table.exists()
