"""A folder of volumes, clustered by eye: what a clinic has and single scans do not answer."""

import csv
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import vendor_files
from octcluster import ImageSet, RunOptions, run_images
from octcluster.images.eyes import EyeCounts, count_eyes, gather_eyes
from octcluster.images.folder import find_images
from octcluster.outputs.run.files import write_run_files
from octcluster.outputs.wording.stop_sign import find_stop_sign
from octcluster.workflows.outcome import EyeClusters
from phantom_volumes import draw_volume

from .conftest import Recorder

EYES, SCANS = 5, 4
HAS_EDEMA = [number % 2 == 0 for number in range(EYES)]


def write_volumes(folder: Path) -> ImageSet:
    """One VOL file for each patient."""
    for number, edema in enumerate(HAS_EDEMA):
        volume = draw_volume(number, SCANS, edema=edema)
        (folder / f"{number:02}.vol").write_bytes(vendor_files.vol_bytes(volume, f"Study-{number:02}"))
    return find_images(folder)


def test_eyes_are_clustered_by_their_volumes(
    two_clusters: RunOptions, recorder: Recorder, tmp_path: Path
) -> None:
    (tmp_path / "volumes").mkdir()
    image_set = write_volumes(tmp_path / "volumes")
    outcome = run_images(image_set, replace(two_clusters, unit="eye"), recorder)
    eyes = outcome.eyes
    assert isinstance(eyes, EyeClusters)
    assert count_eyes(eyes.eyes) == EyeCounts(EYES, EYES * SCANS, EYES, 0, 0, 0)
    clusters = outcome.assignments.clusters
    assert len(clusters) == EYES
    assert all(cluster in (0, 1) for cluster in eyes.scan_clusters)
    assert find_stop_sign(outcome) == []

    write_run_files(outcome, tmp_path, {}, datetime.now(UTC))
    with (tmp_path / "eyes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["patient"], row["eye"], row["visit"], row["scans"]) for row in rows] == [
        (f"Study-{number:02}", "OS", "2024-01-31", str(SCANS)) for number in range(EYES)
    ]
    assert [int(row["cluster"]) for row in rows] == list(clusters)
    report = (tmp_path / "report.html").read_text()
    assert "The eyes, scan by scan" in report
    assert "Study-" not in report


def test_eyes_of_devices_files_are_told_apart(tmp_path: Path) -> None:
    for number, source in enumerate((vendor_files.DUMMY_VOL, vendor_files.real_vol())):
        if source is not None:
            (tmp_path / f"{number}.vol").write_bytes(source.read_bytes())
    scans = find_images(tmp_path).images
    eyes = gather_eyes(scans)
    assert [(len(eye.rows), eye.eye) for eye in eyes][:1] == [(10, "OD")]
    assert [scans[row].number for row in eyes[0].rows] == list(range(1, 11))
    assert len(eyes) == (1 if vendor_files.real_vol() is None else 2)
