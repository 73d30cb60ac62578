"""Fingerprints: which images look the same, and which pairs are kept."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from octcluster.images.likeness import (
    MAX_DIFFERENCE,
    Fingerprint,
    Likeness,
    compare,
    find_likenesses,
    fingerprint,
    span,
)
from octcluster.images.sketch import draw_cells
from PIL import Image, ImageEnhance

Change = Callable[[Image.Image], Image.Image]


def ignore(done: int, total: int) -> None:
    """Progress that nobody is told."""


def grey(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("L")


def fingerprint_of(image: Image.Image, form: str = "JPEG", **options: Any) -> Fingerprint:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    stream.seek(0)
    return fingerprint(draw_cells(stream))


def gamma(exponent: float) -> Change:
    table = [round(255 * (value / 255) ** exponent) for value in range(256)]
    return lambda image: image.point(table)


def scale(factor: float) -> Change:
    return lambda image: image.resize((int(image.width * factor), int(image.height * factor)))


@pytest.fixture(scope="module")
def paths(oct_images: Path) -> list[Path]:
    return sorted(oct_images.rglob("*.jp*g"))[::12]


@pytest.fixture(scope="module")
def originals(paths: list[Path]) -> list[Fingerprint]:
    return [fingerprint(draw_cells(path)) for path in paths]


def test_different_images_are_told_apart(originals: list[Fingerprint]) -> None:
    assert find_likenesses(originals, ignore) == []
    least = min(compare(a, b) for at, a in enumerate(originals) for b in originals[:at])
    assert least > 1.5 * MAX_DIFFERENCE


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("change", "form", "options"),
    [
        (scale(1), "JPEG", {"quality": 30}),
        (scale(1), "PNG", {}),
        (scale(0.5), "JPEG", {"quality": 75}),
        (scale(2), "JPEG", {"quality": 75}),
        (gamma(0.45), "JPEG", {"quality": 90}),
        (gamma(1.5), "JPEG", {"quality": 90}),
        (gamma(2.2), "JPEG", {"quality": 90}),
        (gamma(2.2), "PNG", {}),
        (lambda image: ImageEnhance.Brightness(image).enhance(0.7), "JPEG", {"quality": 80}),
        (lambda image: ImageEnhance.Brightness(image).enhance(1.3), "JPEG", {"quality": 80}),
        (lambda image: ImageEnhance.Contrast(image).enhance(0.7), "JPEG", {"quality": 80}),
        (lambda image: ImageEnhance.Contrast(image).enhance(1.4), "JPEG", {"quality": 80}),
        (lambda image: image.point(lambda value: max(0, value - 20)), "TIFF", {}),
    ],
    ids=[
        "quality-30", "PNG", "half", "double", "gamma-0.45", "gamma-1.5", "gamma-2.2", "gamma-2.2-PNG",
        "brightness-0.7", "brightness-1.3", "contrast-0.7", "contrast-1.4", "darker-by-20",
    ],
)  # fmt: skip
def test_changed_copies_are_found(
    paths: list[Path], originals: list[Fingerprint], change: Change, form: str, options: dict[str, Any]
) -> None:
    copies = [fingerprint_of(change(grey(path)), form, **options) for path in paths]
    for original, copy in zip(originals, copies, strict=True):
        assert compare(original, copy) <= 1.3 * MAX_DIFFERENCE
    found = {(pair.first, pair.second) for pair in find_likenesses([*originals, *copies], ignore)}
    wanted = {(number, number + len(paths)) for number in range(len(paths))}
    assert found <= wanted
    assert len(found) >= 0.9 * len(wanted)  # a few agree in no row, and are not compared


def test_sixteen_bits_have_the_fingerprint_of_eight(paths: list[Path]) -> None:
    image = grey(paths[0])
    deep = Image.frombytes("I;16", image.size, b"".join(bytes((v, v)) for v in image.tobytes()))
    assert fingerprint_of(deep, "PNG") == fingerprint_of(image, "PNG")


def test_images_that_show_nothing_are_like_no_other() -> None:
    blank = fingerprint_of(Image.new("L", (300, 200), 7))
    assert find_likenesses([blank, blank], ignore) == []


def make(rows: bytes, brighter: int) -> Fingerprint:
    return Fingerprint(rows, brighter, 2**256 - 1 - brighter)


def test_images_that_are_all_alike_make_one_pair_less_than_there_are() -> None:
    value = int.from_bytes(bytes(range(32)))
    alike = [make(bytes(range(64)), value ^ (1 << bit)) for bit in range(20)]
    found = find_likenesses([*alike, None, alike[3]], ignore)
    assert len(found) == 20
    assert found[0] == Likeness(0, 3, 21)


def test_a_fingerprint_contradicts_another_where_one_is_brighter_and_the_other_darker() -> None:
    first = make(bytes(64), 2**256 - 1)
    assert compare(first, first) == 0
    assert compare(first, make(bytes(64), 2**128 - 1)) == 0.5
    assert compare(first, Fingerprint(bytes(64), 2**60 - 1, 2**80 - 2**60)) == 0.25
    assert compare(first, Fingerprint(bytes(64), 2**31 - 1, 0)) == 1  # too few cells


def test_span_keeps_the_most_alike() -> None:
    pairs = [Likeness(0.9, 0, 1), Likeness(0.2, 1, 2), Likeness(0.3, 0, 2), Likeness(0.1, 5, 6)]
    assert span(pairs) == [Likeness(0.1, 5, 6), Likeness(0.2, 1, 2), Likeness(0.3, 0, 2)]
