"""Scans out of files that hold several: their keys, vectors and places among plain images."""

import os
import shutil
from pathlib import Path

import pytest
from octcluster import ClustererClient, EmbedderClient, Scan, Silence
from octcluster.images.folder import find_images
from octcluster.workflows.embedding import CacheFiller, read_keys
from octcluster.workflows.keyed_images import KeyedImages
from octcluster.workflows.stages import Stages
from PIL import Image
from processes import Server


@pytest.fixture
def folder(tmp_path: Path, image_files: list[Scan]) -> Path:
    """A volume of five scans, one of them as a lossless PNG, and a JPEG."""
    images = tmp_path / "images"
    images.mkdir()
    greys = []
    for scan in image_files[:5]:
        with Image.open(scan.path) as image:
            greys.append(image.convert("L"))
    greys[0].save(images / "volume.tif", save_all=True, append_images=greys[1:])
    greys[3].save(images / "fourth.png")
    shutil.copy(image_files[5].path, images / "plain.jpeg")
    return images


def test_scans_of_a_volume_are_embedded_as_equal_plain_images_are(
    folder: Path, embedder: Server, clusterer: Server
) -> None:
    image_set = find_images(folder)
    names = [scan.name for scan in image_set.images]
    assert names == ["fourth.png", "plain.jpeg", *(f"volume.tif#{number}" for number in range(1, 6))]
    assert image_set.formats == {"TIFF": 1}
    secret = os.urandom(16)
    keyed = read_keys(image_set.images, secret, lambda *_: None)
    with EmbedderClient(embedder.address) as embeds, ClustererClient(clusterer.address) as clusters:
        space = embeds.space("pooled")
        filler = CacheFiller(embeds, clusters, space, secret, Stages(Silence()))
        filler.fill(keyed)
        assert keyed.bad() == []
        assert keyed.count_embedded() == 7
        keys = [key for _, key in keyed.good()]
        vectors = clusters.get_vectors(space, keys)
        assert vectors[keys[names.index("volume.tif#4")]] == vectors[keys[names.index("fourth.png")]]

        again = read_keys(image_set.images, secret, lambda *_: None)
        CacheFiller(embeds, clusters, space, secret, Stages(Silence())).fill(again)
        assert list(again.keys) == list(keyed.keys)
        assert not any(again.embedded)


def test_a_volume_that_changes_meanwhile_fails_alone(
    folder: Path, embedder: Server, clusterer: Server
) -> None:
    secret = os.urandom(16)
    keyed = read_keys(find_images(folder).images, secret, lambda *_: None)
    black = Image.new("L", (60, 60))
    black.save(folder / "volume.tif", save_all=True, append_images=[black] * 4)
    assert [image.name for image, _ in fill(keyed, secret, embedder, clusterer).good()] == [
        "fourth.png",
        "plain.jpeg",
    ]
    assert {reason for _, reason in keyed.bad()} == {
        "the file was changed while it was being read: run again"
    }


def fill(keyed: KeyedImages, secret: bytes, embedder: Server, clusterer: Server) -> KeyedImages:
    with EmbedderClient(embedder.address) as embeds, ClustererClient(clusterer.address) as clusters:
        filler = CacheFiller(embeds, clusters, embeds.space("pooled"), secret, Stages(Silence()))
        filler.fill(keyed)
    return keyed
