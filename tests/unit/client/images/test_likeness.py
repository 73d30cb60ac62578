"""Fingerprints: which images look the same, and which pairs are kept."""

from pathlib import Path
from typing import Any

from octcluster.images.likeness import MAX_DIFFERENT_BITS, Likeness, find_likenesses, fingerprint, span
from octcluster.images.sketch import draw_cells
from PIL import Image, ImageEnhance


def save(image: Image.Image, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def grey(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("L")


def test_fingerprints_know_changed_copies_and_tell_images_apart(oct_images: Path, tmp_path: Path) -> None:
    paths = sorted(oct_images.rglob("*.jpeg"))[::12]
    originals = [fingerprint(draw_cells(path)) for path in paths]
    assert find_likenesses(originals, lambda done, total: None) == []
    copies = []
    for number, path in enumerate(paths):
        image = grey(path)
        changed = (
            image.resize((image.width // 2, image.height // 2)),
            ImageEnhance.Brightness(image).enhance(1.15),
            image,
        )[number % 3]
        copies.append(fingerprint(draw_cells(save(changed, tmp_path / f"{number}.jpeg", quality=75))))
    found = find_likenesses([*originals, *copies], lambda done, total: None)
    assert {(pair.first, pair.second) for pair in found} == {(n, n + len(paths)) for n in range(len(paths))}
    assert all(pair.different_bits <= MAX_DIFFERENT_BITS for pair in found)


def test_sixteen_bits_have_the_fingerprint_of_eight(oct_images: Path, tmp_path: Path) -> None:
    image = grey(next(oct_images.rglob("*.jpeg")))
    deep = Image.frombytes("I;16", image.size, b"".join(bytes((v, v)) for v in image.tobytes()))
    both = [fingerprint(draw_cells(save(each, tmp_path / f"{each.mode[0]}.png"))) for each in (image, deep)]
    assert (both[0] ^ both[1]).bit_count() <= 8


def test_images_that_are_all_alike_make_one_pair_less_than_there_are() -> None:
    value = int.from_bytes(bytes(range(32)))
    alike = [value ^ (1 << bit) for bit in range(20)]
    found = find_likenesses([*alike, None, alike[3]], lambda done, total: None)
    assert len(found) == 20
    assert found[0] == Likeness(0, 3, 21)


def test_span_keeps_the_most_alike() -> None:
    pairs = [Likeness(9, 0, 1), Likeness(2, 1, 2), Likeness(3, 0, 2), Likeness(1, 5, 6)]
    assert span(pairs) == [Likeness(1, 5, 6), Likeness(2, 1, 2), Likeness(3, 0, 2)]
