"""An eye that comes by DICOM gets the very cluster that its images get from ``octcluster assign``."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dicom_files import Element, write_opt
from dicom_senders import read_acknowledged, sop_instance, storescu
from gateways import Gateway, make_run
from numpy.typing import NDArray
from octcluster import AssignOptions, AssignOutcome, RunOptions, Silence, assign_images, find_run
from octcluster.images.folder import find_images
from octcluster.images.readers.processes import kept_workers
from PIL import Image
from processes import Server, running_service

_CLASSES = ("CNV", "NORMAL")
_SCANS = 3


def read_scans(images: Path, name: str) -> NDArray[np.uint8]:
    """Some B-scans of a class that no run has seen, as one volume."""
    files = sorted(next(images.rglob(name)).glob("*.jp*g"))[-_SCANS:]
    opened = [Image.open(file).convert("L").resize((512, 496)) for file in files]
    return np.stack([np.asarray(image) for image in opened])


def assign_plain(folder: Path, run: Path, options: AssignOptions) -> AssignOutcome:
    """Places the same B-scans as plain images: those of a volume are of one patient and eye."""
    image_set = find_images(folder, "none")
    scans = [replace(scan, patient=scan.name.split("-")[0], eye="OD") for scan in image_set.images]
    with kept_workers():
        return assign_images(find_run(str(run)), replace(image_set, images=scans), options, Silence())


def check_clusters(
    start: Callable[..., Gateway], run: Path, services: RunOptions, images: Path, folder: Path
) -> None:
    """Sends a volume of each class, and compares."""
    sent = []
    for number, name in enumerate(_CLASSES, start=1):
        volume = read_scans(images, name)
        changes: dict[int, Element | None] = {
            0x00080018: ("UI", sop_instance(number)),
            0x00200062: ("CS", "R" if number == 1 else "L"),
        }
        sent.append(write_opt(folder / f"{name}.dcm", volume.astype(np.uint16), changes=changes))
        for place, scan in enumerate(volume):
            (folder / "plain").mkdir(exist_ok=True)
            Image.fromarray(scan).save(folder / "plain" / f"{name}-{place}.png")
    gateway = start(run, ["--embedder", str(services.embedder), "--clusterer", str(services.clusterer)])
    done = storescu(gateway.port, sent)
    assert len(read_acknowledged(done.stdout + done.stderr)) == len(sent)
    gateway.wait_until_processed()
    results = sorted(gateway.results(), key=lambda line: line["spool_id"])
    assert [(line["eye"], line["scans"]) for line in results] == [("OD", _SCANS), ("OS", _SCANS)]

    options = AssignOptions(model=services.model, embedder=services.embedder, clusterer=services.clusterer)
    plain = assign_plain(folder / "plain", run, options)
    by_name = {eye.eye.patient: eye for eye in plain.eyes}
    expected = [by_name[name] for name in _CLASSES]
    assert [line["cluster"] for line in results] == [eye.cluster for eye in expected]
    assert [line["margin"] for line in results] == [pytest.approx(eye.margin, abs=1e-3) for eye in expected]
    assert {line["model_sha256"] for line in results} == {plain.model.digest}


def test_by_pixels(
    start_gateway: Callable[..., Gateway],
    pixel_run: Path,
    pixel_embedder: Server,
    clusterer: Server,
    oct_images: Path,
    tmp_path: Path,
) -> None:
    services = RunOptions(model="pixels", embedder=pixel_embedder.address, clusterer=clusterer.address)
    check_clusters(start_gateway, pixel_run, services, oct_images, tmp_path)


@pytest.fixture
def real_embedder(model_cache: Path) -> Iterator[Server]:
    with running_service("octcluster_embedder", "--cache-dir", str(model_cache)) as server:
        yield server


def test_by_the_default_model(
    start_gateway: Callable[..., Gateway],
    real_embedder: Server,
    clusterer: Server,
    oct_images: Path,
    tmp_path: Path,
) -> None:
    services = RunOptions(embedder=real_embedder.address, clusterer=clusterer.address)
    (tmp_path / "run").mkdir()
    run = make_run(oct_images, services, tmp_path / "run", _CLASSES, 16)
    check_clusters(start_gateway, run, services, oct_images, tmp_path)
