"""What is wrong with pixels: the embedder's measures and the client's own sketches lead to the same kinds."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from octcluster.images.headers import parse_header, read_head
from octcluster.images.phantoms import write_phantoms
from octcluster.images.pixel_faults import FAULTS, find_faults
from octcluster.images.sketch import draw_cells, measure_cells
from octcluster.workflows.looks import look_at
from octcluster_embedder.images.decoding import ImageLimits, decode_image
from octcluster_embedder.images.measures import MEASURES
from PIL import Image

Scan = Callable[[], np.ndarray]


def encode(pixels: np.ndarray | Image.Image, form: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(stream, form, **options)
    return stream.getvalue()


def scan(number: int = 0) -> np.ndarray:
    """A layer in noise, of 256 x 248 pixels."""
    rows = np.arange(248)[:, np.newaxis]
    layer = 140 * np.exp(-(((rows - 120 - 3 * number) / 25) ** 2))
    noise = np.random.default_rng(number).gamma(4, 7, (248, 256))
    return np.clip(layer + noise, 0, 255).astype(np.uint8)


def deep(reach: int) -> np.ndarray:
    return (scan().astype(np.float64) / 255 * reach).astype(np.uint16)


def cut(data: bytes, kept: float) -> bytes:
    """A JPEG of which a part of the compressed pixels is left, and an end marker."""
    start = data.index(b"\xff\xda")
    return data[: start + 14 + int(kept * (len(data) - start))].rstrip(b"\xff") + b"\xff\xd9"


def banded(value: int, share: float, *, turned: bool = False) -> np.ndarray:
    pixels = scan()
    if turned:
        pixels[:, round((1 - share) * pixels.shape[1]) :] = value
    else:
        pixels[round((1 - share) * pixels.shape[0]) :] = value
    return pixels


def with_margin(pixels: np.ndarray) -> np.ndarray:
    framed = pixels.copy()
    framed[:30], framed[:, :20] = 255, 255
    return framed


def one_value(value: int, dtype: type = np.uint8) -> np.ndarray:
    return np.full((248, 256), value, dtype)


def labelled_black() -> np.ndarray:
    pixels = one_value(0)
    pixels[10:30, 10:90] = 255
    return pixels


CASES: dict[str, tuple[bytes, set[str]]] = {
    "good": (encode(scan()), set()),
    "good JPEG": (encode(scan(), "JPEG", quality=60), set()),
    "good with margins": (encode(with_margin(scan())), set()),
    "good of 16 bits": (encode(deep(65535)), set()),
    "good in colour": (encode(Image.fromarray(scan()).convert("RGB"), "TIFF"), set()),
    "good of 1 bit": (encode(Image.fromarray(scan()).convert("1")), set()),
    "black": (encode(one_value(0)), {"blank"}),
    "black JPEG": (encode(one_value(0), "JPEG"), {"blank"}),
    "white": (encode(one_value(255), "TIFF"), {"blank"}),
    "one grey": (encode(one_value(87), "BMP"), {"blank"}),
    "one colour": (encode(Image.new("RGB", (256, 248), (9, 120, 90)), "JPEG"), {"blank"}),
    "black of 16 bits": (encode(one_value(0, np.uint16)), {"blank"}),
    "nearly black": (encode(one_value(0) + (scan() > 100)), {"blank"}),
    "black with margins": (encode(with_margin(one_value(0))), {"blank"}),
    "transparent": (encode(Image.new("RGBA", (256, 248), (200, 9, 9, 0))), {"blank"}),
    "reach 100 of 65535": (encode(deep(100)), {"blank"}),
    "reach 255 of 65535": (encode(deep(255), "TIFF"), {"blank"}),
    "reach 1023 of 65535": (encode(deep(1023)), {"dark"}),
    "reach 4095 of 65535": (encode(deep(4095), "TIFF"), {"dark"}),
    "reach 16383 of 65535": (encode(deep(16383)), {"dark"}),
    "faint and dark": (encode(scan() // 12), {"faint"}),
    "faint and bright": (encode(scan() // 12 + 200, "WEBP", lossless=True), {"faint"}),
    "faint with margins": (encode(with_margin(scan() // 12 + 60)), {"faint"}),
    "label on black": (encode(labelled_black()), {"blank"}),
    **{f"cut at {kept}": (cut(encode(scan(), "JPEG"), kept), {"grey_band"}) for kept in (0.1, 0.5, 0.9)},
    "cut in colour": (cut(encode(Image.fromarray(scan()).convert("RGB"), "JPEG"), 0.5), {"grey_band"}),
    "cut and saved anew": (
        encode(Image.open(io.BytesIO(cut(encode(scan(), "JPEG"), 0.6))), "JPEG", quality=50),
        {"grey_band"},
    ),
    "grey band": (encode(banded(90, 0.3)), {"grey_band"}),
    "grey band on the right": (encode(banded(150, 0.3, turned=True), "TIFF"), {"grey_band"}),
    "black band": (encode(banded(0, 0.5), "TIFF"), {"empty_band"}),
    "white band on the right": (encode(banded(255, 0.5, turned=True)), {"empty_band"}),
    "small black band": (encode(banded(0, 0.2)), set()),
    "inverted": (encode(255 - scan()), {"inverted"}),
    "inverted JPEG with margins": (encode(with_margin(255 - scan()), "JPEG"), {"inverted"}),
    "inverted of 16 bits": (encode(65535 - deep(65535), "TIFF"), {"inverted"}),
    "good in much white": (encode(banded(255, 0.35)), set()),
    "wide": (encode(np.hstack([scan(n) for n in range(3)])), set()),
    "very wide": (encode(np.hstack([scan(n % 3) for n in range(9)])), {"framing"}),
    "high": (encode(np.vstack([scan(n) for n in range(3)])), {"framing"}),
    "a little wide": (encode(np.hstack([scan(0), scan(1)[:, :200]])), set()),
    "wide and cut": (
        cut(encode(np.hstack([scan(n) for n in range(3)]), "JPEG"), 0.5),
        {"grey_band"},
    ),
}


def kinds_of_embedder(data: bytes, *, find_retina: bool = False) -> set[str]:
    measures = decode_image(data, 224, 224, ImageLimits(), find_retina=find_retina).measures.tolist()
    return {found.fault.kind for found in find_faults(dict(zip(MEASURES, measures, strict=True)))}


def kinds_of_client(path: Path) -> set[str]:
    header = parse_header(read_head(path))
    sizes = {"width": header.width, "height": header.height, "bits": header.bits}
    found = find_faults({**sizes, **measure_cells(draw_cells(path))._asdict()})
    return {each.fault.kind for each in found}


@pytest.mark.parametrize("name", CASES)
def test_kinds(name: str, tmp_path: Path) -> None:
    data, expected = CASES[name]
    path = tmp_path / "image"
    path.write_bytes(data)
    assert kinds_of_embedder(data) == expected
    assert kinds_of_client(path) == expected


def test_measures_are_nearly_the_same_for_both(oct_images: Path) -> None:
    for path in sorted(oct_images.rglob("*.jp*g"))[::24]:
        measures = dict(
            zip(MEASURES, decode_image(path.read_bytes(), 224, 224, ImageLimits()).measures, strict=True)
        )
        sketch = measure_cells(draw_cells(path))._asdict()
        assert sketch.keys() - measures.keys() == {"inner_brightness", "seam_share"}
        for name in sketch.keys() & measures.keys():
            value = sketch[name]
            assert value == pytest.approx(measures[name], abs=0.03 if name.endswith("share") else 2)


def test_there_is_a_case_of_each_kind() -> None:
    found = {kind for _, kinds in CASES.values() for kind in kinds}
    assert found | {"no_retina", "seam"} == {fault.kind for fault in FAULTS}


def test_an_image_without_a_retina_is_told_of_where_one_was_looked_for() -> None:
    noise = encode(np.random.default_rng(0).integers(0, 256, (248, 256), np.uint8))
    assert kinds_of_embedder(noise) == set()
    assert kinds_of_embedder(noise, find_retina=True) == {"no_retina"}
    assert kinds_of_embedder(encode(scan()), find_retina=True) == set()


def test_a_wide_image_is_seen_along_its_retina() -> None:
    wide = encode(np.hstack([scan()] * 3))
    assert kinds_of_embedder(wide, find_retina=True) == set()


@pytest.mark.heavy
def test_real_scans_and_phantoms_are_without_fault(oct_images: Path, tmp_path: Path) -> None:
    write_phantoms(tmp_path, 3, 0)
    paths = [*sorted(oct_images.rglob("*.jp*g"))[::12], *tmp_path.rglob("*.*")]
    not_found = 0
    for path in paths:
        assert kinds_of_client(path) - {"framing"} == set()
        assert kinds_of_embedder(path.read_bytes()) == kinds_of_client(path)
        kinds = kinds_of_embedder(path.read_bytes(), find_retina=True)
        assert kinds <= {"no_retina", "framing"}
        not_found += "no_retina" in kinds
    assert not_found <= 0.05 * len(paths)


def fundus(number: int) -> np.ndarray:
    """A bright even square with dark vessels and noise, of 248 x 248 pixels."""
    noise = np.random.default_rng(number).normal(115, 12, (248, 248))
    noise[60 + number : 70 + number, 30:] -= 50
    noise[:, 150 + number : 156 + number] -= 40
    return np.clip(noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(504, 248), (1100, 500), (600, 310)])
@pytest.mark.parametrize("number", range(3))
def test_a_picture_beside_the_scan_is_told(tmp_path: Path, number: int, size: tuple[int, int]) -> None:
    for pair in ((fundus(number), scan(number)), (scan(number), fundus(number))):
        path = tmp_path / "image.png"
        Image.fromarray(np.hstack(pair)).resize(size).save(path)
        look = look_at(path)
        assert look.pixels is not None
        assert {found.fault.kind for found in find_faults(look.pixels.sketch._asdict())} == {"seam"}


@pytest.mark.parametrize(
    "pixels",
    [
        np.hstack([scan(1)] * 3),
        np.hstack([scan(1), one_value(0)]),
        np.hstack([one_value(255), scan(2)]),
        np.hstack([scan(1), scan(2)]),
    ],
)
def test_margins_and_scans_make_no_seam(tmp_path: Path, pixels: np.ndarray) -> None:
    path = tmp_path / "image.png"
    Image.fromarray(pixels).save(path)
    look = look_at(path)
    assert look.pixels is not None
    assert "seam" not in {found.fault.kind for found in find_faults(look.pixels.sketch._asdict())}


def test_unknown_measures_are_no_fault() -> None:
    assert find_faults({}) == []


@pytest.mark.parametrize(
    ("measures", "words"),
    [
        ({"darkest": 0, "brightest": 0}, "all black (as what is transparent is read), or black and white"),
        ({"darkest": 0, "brightest": 0, "bits": 16}, "16-bit values"),
        ({"darkest": 255, "brightest": 255}, "all white"),
        ({"darkest": 90, "brightest": 91}, "all one grey"),
        ({"brightest": 16, "bits": 16}, "lowest 6%"),
        ({"darkest": 10, "brightest": 19}, "94% of it has 10 of 256"),
        ({"inner_brightness": 190}, "bright where scans are dark"),
        ({"brightness": 220, "white_border_share": 0.6}, "bright where scans are dark"),
        ({"seam_share": 0.8}, "over 80% of its height"),
        ({"grey_band_share": 0.5}, "50% of it"),
        ({"empty_band_share": 0.6}, "60% of it"),
        (
            {"width": 496, "height": 1536},
            "68% of it is not in the view plain, which shows the square in the centre of its 496 x 1536",
        ),
    ],
)
def test_sentences_say_how_much_and_the_cure(measures: dict[str, float], words: str) -> None:
    (found,) = find_faults(measures)
    assert words in found.sentence
    assert found.sentence.endswith(found.fault.cure)
