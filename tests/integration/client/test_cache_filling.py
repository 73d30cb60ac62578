"""Vectors and measures reach the cache once, through real services."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from octcluster import ClustererClient, EmbedderClient, Scan, Silence
from octcluster.workflows.embedding import CacheFiller, read_keys
from octcluster.workflows.keyed_images import KeyedImages
from octcluster.workflows.stages import Stages
from PIL import Image
from processes import Server

from .conftest import Recorder

Fill = Callable[..., KeyedImages]


@pytest.fixture
def fill(embedder: Server, clusterer: Server, recorder: Recorder) -> Iterator[Fill]:
    """Fills the cache with images under a secret of this test's own; returns what is known of them."""
    secret = os.urandom(16)
    with EmbedderClient(embedder.address) as embeds, ClustererClient(clusterer.address) as clusters:

        def fill(
            images: list[Scan],
            features: str = "pooled",
            flip: bool = False,
            views: tuple[str, ...] = ("plain",),
        ) -> KeyedImages:
            stages = Stages(recorder)
            stages.begin("Reading", len(images), "images")
            keyed = read_keys(images, secret, stages.update)
            space = embeds.space(features, flip=flip, views=views)
            CacheFiller(embeds, clusters, space, secret, stages).fill(keyed)
            assert clusters.find_missing(space, [key for _, key in keyed.good()]) == []
            return keyed

        yield fill


def measures(images: KeyedImages) -> list[tuple[float, ...]]:
    """What was measured of each image; of all of them something was."""
    found = [images.measures[position] for position in range(len(images.images))]
    assert all(found)
    return found


def test_measures_come_with_vectors_and_later_from_the_cache(fill: Fill, image_files: list[Scan]) -> None:
    first = fill(image_files[:6])
    assert all(first.embedded)
    assert len(set(first.keys)) == 6
    for position, (image, _) in enumerate(first.good()):
        with Image.open(image.path) as pixels:
            numbers = first.numbers(position)
            assert (numbers["width"], numbers["height"]) == pixels.size
        assert set(first.audited_numbers(position)) == {"width", "height", "brightness", "white_border_share"}
        assert set(numbers) > set(first.audited_numbers(position))

    second = fill(image_files[:8])
    assert second.count_embedded() == 2
    assert measures(second)[:6] == measures(first)

    other_features = fill(image_files[:6], "blocks", flip=True)
    assert all(other_features.embedded)
    assert measures(other_features) == measures(first)


def test_what_is_known_of_a_retina_outlives_a_run_without_that_view(
    fill: Fill, image_files: list[Scan]
) -> None:
    both = ("plain", "retina")
    first = fill(image_files[:3], "blocks", views=both)
    assert all(first.numbers(position)["retina_found"] >= 0 for position in range(3))
    assert fill(image_files[:3]).count_embedded() == 3
    again = fill(image_files[:3], "blocks", views=both)
    assert not any(again.embedded)
    assert measures(again) == measures(first)


def test_an_image_without_measures_is_embedded_again(
    fill: Fill, image_files: list[Scan], embedder: Server, clusterer: Server
) -> None:
    keyed = fill(image_files[:1])
    assert len(keyed.good()) == 1
    with EmbedderClient(embedder.address) as embeds, ClustererClient(clusterer.address) as clusters:
        space = embeds.space("blocks")
        old = os.urandom(16)
        unmeasured = read_keys(image_files[:3], old, lambda *_: None)
        vectors = [(key, bytes(4 * space.dimension)) for _, key in unmeasured.good()]
        assert clusters.put_vectors(space, vectors).stored == 3
        filler = CacheFiller(embeds, clusters, space, old, Stages(Silence()))
        filler.fill(unmeasured)
        assert all(unmeasured.embedded)
    assert measures(unmeasured)[:1] == measures(keyed)


def test_a_cached_vector_without_measures_is_good_even_if_its_file_is_gone(
    tmp_path: Path, image_files: list[Scan], embedder: Server, clusterer: Server
) -> None:
    secret = os.urandom(16)
    paths = [tmp_path / name for name in ("gone.jpeg", "stays.jpeg")]
    for path, image in zip(paths, image_files, strict=False):
        path.write_bytes(image.path.read_bytes())
    keyed = read_keys([Scan(path.parent, path.name) for path in paths], secret, lambda *_: None)
    with EmbedderClient(embedder.address) as embeds, ClustererClient(clusterer.address) as clusters:
        space = embeds.space("pooled")
        clusters.put_vectors(space, [(key, bytes(4 * space.dimension)) for _, key in keyed.good()])
        paths[0].unlink()
        CacheFiller(embeds, clusters, space, secret, Stages(Silence())).fill(keyed)
    assert len(keyed.good()) == 2
    assert keyed.numbers(0) == {}
    assert keyed.numbers(1)["width"] > 0
