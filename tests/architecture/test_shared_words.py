"""The words that the client and a service both know are the same: neither imports the other."""

from io import BytesIO
from pathlib import Path

import pytest
from octcluster.images.headers import UnreadableImage, parse_header, read_head
from octcluster.images.sketch import draw_cells
from octcluster.model import runs
from octcluster.model.runs import MODELS
from octcluster_clusterer.model import Algorithm
from octcluster_embedder.errors import ImageError
from octcluster_embedder.images.decoding import ImageLimits, decode_image
from octcluster_embedder.models.registry import MODELS as SERVED_MODELS
from octcluster_embedder.spaces import Features
from PIL import Image


def test_models() -> None:
    assert list(MODELS) == list(SERVED_MODELS)


def test_features() -> None:
    assert list(runs.FEATURES) == list(Features)


def test_algorithms() -> None:
    assert list(runs.ALGORITHMS) == list(Algorithm)


def noise(form: str) -> bytes:
    stream = BytesIO()
    Image.effect_noise((120, 90), 60).save(stream, form)
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no image at all",
        b"\xff\xd8\xff\xe0 no header",
        b"\x89PNG\r\n\x1a\n no header",
        noise("JPEG")[:2000],
        noise("PNG")[:2000],
    ],
    ids=["empty", "foreign", "JPEG header", "PNG header", "JPEG cut short", "PNG cut short"],
)
def test_reasons_of_broken_images(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "image.jpeg"
    path.write_bytes(data)
    with pytest.raises(ImageError) as of_embedder:
        decode_image(data, 64, 64, ImageLimits())

    def describe() -> None:
        parse_header(read_head(path))
        draw_cells(path)

    with pytest.raises(UnreadableImage) as of_client:
        describe()
    assert str(of_client.value) == str(of_embedder.value)
