"""One volume of 49 B-scans in six containers, and as PNGs: the same vectors and the same clusters."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from octcluster import ClustererClient, RunOptions, RunOutcome, run_images
from octcluster.images.folder import find_images
from one_volume import Containers, Volume, containers_of, draw_volume, write_xml_export
from PIL import Image
from processes import Server

from .conftest import Recorder


def write_images(folder: Path, volume: Volume) -> None:
    for number, pixels in enumerate(volume):
        Image.fromarray(pixels).save(folder / f"{number:02}.png")


def test_every_container_gives_the_vectors_and_clusters_of_single_images(
    clusterer: Server, two_clusters: RunOptions, recorder: Recorder, tmp_path: Path
) -> None:
    volume = draw_volume()
    containers: Containers = {
        **containers_of(volume),
        "XML export": partial(write_xml_export, volume=volume),
    }

    def run(container: str) -> RunOutcome:
        folder = tmp_path / container
        folder.mkdir()
        if container == "PNG":
            write_images(folder, volume)
        else:
            containers[container](folder / "volume")
        found = find_images(folder)
        # The containers tell their patient; the single images do not, and patients steer the clusters.
        scans = [replace(scan, patient="one") for scan in found.images]
        return run_images(replace(found, images=scans), two_clusters, recorder)

    def vectors(outcome: RunOutcome) -> list[bytes]:
        keys = outcome.assignments.image_keys
        with ClustererClient(clusterer.address) as client:
            found = client.get_vectors(outcome.space, list(keys))
        return [found[key] for key in keys]

    images = run("PNG")
    assert images.embedded == len(volume) == 49
    assert len(set(images.assignments.clusters)) == 2
    expected = vectors(images)
    keys = []
    for container in containers:
        outcome = run(container)
        assert vectors(outcome) == expected, container
        assert outcome.assignments.clusters == images.assignments.clusters, container
        assert outcome.assignments.silhouettes == images.assignments.silhouettes, container
        keys.append(list(outcome.assignments.image_keys))
        assert outcome.embedded == (0 if len(keys) > 1 else len(volume)), container
    assert all(each == keys[0] for each in keys)
