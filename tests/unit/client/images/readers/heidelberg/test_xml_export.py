"""Heidelberg XML export: the one in ``tests/files``, and what may have happened to it."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import vendor_files
from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.heidelberg.vol import HeidelbergVolReader
from octcluster.images.readers.heidelberg.xml_export import HeidelbergXmlReader
from octcluster.images.readers.reader import Pixels
from PIL import Image
from vendor_files import as_array

READER = HeidelbergXmlReader()
XML = vendor_files.DUMMY_XML


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A copy of the export, to be changed."""
    shutil.copytree(vendor_files.HEYEX, tmp_path / "export")
    return tmp_path / "export" / XML.name


def change(file: Path, changed: Callable[[str], str]) -> Path:
    before = file.read_text(encoding="utf-8")
    assert changed(before) != before
    file.write_text(changed(before), encoding="utf-8")
    return file


def read_all(path: Path) -> list[Pixels]:
    return list(READER.read(path, range(1, len(READER.look(path).scans) + 1)))


def test_scans_are_the_images_that_the_export_names() -> None:
    assert READER.recognises(XML.read_bytes()[:16384])
    for number, pixels in enumerate(read_all(XML), start=1):
        with Image.open(vendor_files.HEYEX / f"B{number}.tif") as image:
            assert np.array_equal(as_array(pixels), np.asarray(image))
    [last, first] = READER.read(XML, [10, 1])
    assert (last.data, first.data) == tuple(read_all(XML)[place].data for place in (9, 0))


def test_scans_equal_what_eyepy_reads() -> None:
    from eyepy.io import HeXmlReader

    expected = HeXmlReader(XML)
    assert np.array_equal([as_array(pixels) for pixels in read_all(XML)], expected.volume.data)
    facts = READER.look(XML).scans[0]
    assert (facts.eye, facts.lateral_mm) == (expected.meta["laterality"], expected.meta["scale_x"])
    assert facts.distance_mm == pytest.approx(expected.meta["scale_z"])


def test_scans_and_facts_equal_those_of_the_volume_as_vol() -> None:
    reader = HeidelbergVolReader()
    source, other = READER.look(XML), reader.look(vendor_files.DUMMY_VOL)
    numbers = range(1, 11)
    assert list(READER.read(XML, numbers)) == list(reader.read(vendor_files.DUMMY_VOL, numbers))
    for one, two in zip(source.scans, other.scans, strict=True):
        assert (one.patient, one.eye, one.visit, one.device) == (two.patient, two.eye, two.visit, two.device)
        assert (one.position, one.height, one.width) == (two.position, two.height, two.width)
        assert (one.axial_mm, one.lateral_mm) == (two.axial_mm, two.lateral_mm)
        assert one.distance_mm == pytest.approx(two.distance_mm)


def test_fundus_image_is_left_out_and_all_images_belong_to_the_export() -> None:
    source = READER.look(XML)
    assert source.left_out == {"fundus image": 1}
    assert sorted(part.name for part in source.parts) == sorted(
        ["NIR1.tif", *(f"B{number}.tif" for number in range(1, 11))]
    )
    assert source.warnings == []


def test_names_are_found_in_any_case_and_behind_any_path(export: Path) -> None:
    (export.parent / "B3.tif").rename(export.parent / "b3.TIF")
    (export.parent / "B4.tif").rename(export.parent / "Müller 4.tif")
    change(export, lambda text: text.replace(r"folder\B4.tif", "folder/M%C3%BCller%204.tif"))
    assert len(read_all(export)) == 10


@pytest.mark.parametrize("lost", [["B10.tif"], ["B1.tif", "B5.tif"]])
def test_lost_scans_are_told(export: Path, lost: list[str]) -> None:
    for name in lost:
        (export.parent / name).unlink()
    source = READER.look(export)
    assert len(source.scans) == len(read_all(export)) == 10 - len(lost)
    assert source.warnings[0].startswith(f"{len(lost)} of 10 B-scans are missing")
    kept = [position for position in range(10) if f"B{position + 1}.tif" not in lost]
    assert [scan.position for scan in source.scans] == kept


def test_damaged_image_costs_no_other(export: Path) -> None:
    (export.parent / "B2.tif").write_bytes(b"no image")
    source = READER.look(export)
    assert [scan.position for scan in source.scans] == [0, 2, 3, 4, 5, 6, 7, 8, 9]
    assert source.warnings[0].startswith("1 of 10 B-scans")
    assert len(source.parts) == 11


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "1"])
def test_grey_images_that_are_stored_in_colour_are_grey(export: Path, mode: str) -> None:
    grey = Image.fromarray(np.arange(2000, dtype=np.uint8).reshape(40, 50) // 128 * 255)
    grey.convert(mode).save(export.parent / "B2.tif")
    [pixels] = READER.read(export, [2])
    assert np.array_equal(as_array(pixels), np.asarray(grey))


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_image_that_shows_colours_is_refused(export: Path, mode: str) -> None:
    marked = Image.new("RGB", (50, 40), (90, 90, 90))
    marked.putpixel((3, 4), (255, 0, 0))
    marked.convert(mode).save(export.parent / "B2.tif")
    with pytest.raises(UnreadableImage, match="shows colours"):
        list(READER.read(export, [2]))


def test_images_of_16_bits_keep_them(export: Path) -> None:
    pixels = np.arange(2000, dtype=np.uint16).reshape(40, 50) * 32
    Image.fromarray(pixels).save(export.parent / "B2.tif")
    Image.fromarray(pixels.astype(">u2")).save(export.parent / "B3.tif")
    for found in READER.read(export, [2, 3]):
        assert found.bits == 16
        assert np.array_equal(as_array(found), pixels)
    assert READER.look(export).scans[1].bits == 16


def two_series(text: str) -> str:
    """A second series, of the left eye, with the images 6 to 10."""
    before, series, after = re.split(r"(<Series>.*</Series>)", text, flags=re.DOTALL)
    images = re.findall(r"<Image>.*?</Image>", series, flags=re.DOTALL)
    opening = series[: series.index("<Image>")]
    halves = [
        opening.replace("<NumImages>11<", f"<NumImages>{len(part)}<") + "".join(part) + "</Series>"
        for part in (images[:6], images[6:])
    ]
    return before + halves[0] + halves[1].replace("<Laterality>R<", "<Laterality>L<") + after


def test_volumes_of_one_export_have_their_own_eyes(export: Path) -> None:
    source = READER.look(change(export, two_series))
    assert [scan.eye for scan in source.scans] == ["OD"] * 5 + ["OS"] * 5
    assert [scan.position for scan in source.scans] == [0, 1, 2, 3, 4] * 2
    assert len({scan.volume for scan in source.scans}) == 2
    assert source.warnings == []


def test_eye_that_is_told_twice_is_unknown(export: Path) -> None:
    changed = change(export, lambda text: text.replace("<Laterality>R<", "<Laterality>L<", 1))
    source = READER.look(changed)
    assert {scan.eye for scan in source.scans} == {None}
    assert "which eye" in source.warnings[0]


def test_uneven_distances_are_unknown(export: Path) -> None:
    changed = change(export, lambda text: text.replace("<Y>6.681</Y>", "<Y>5.681</Y>"))
    assert READER.look(changed).scans[0].distance_mm is None


def test_names_in_an_old_encoding_do_no_harm(export: Path) -> None:
    export.write_bytes(export.read_bytes().replace(b"Doe", "Müller".encode("cp1252")))
    assert len(read_all(export)) == 10


def test_export_in_utf_16_is_read(export: Path) -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?>' + export.read_text(encoding="utf-8")
    export.write_text(text, encoding="utf-16")
    assert READER.recognises(export.read_bytes()[:16384])
    assert len(read_all(export)) == 10


@pytest.mark.parametrize("damage", ["cut short", "cut in two", "unreadable in the middle"])
def test_of_a_damaged_export_the_first_scans_are_read(export: Path, damage: str) -> None:
    def spoil(text: str) -> str:
        if damage == "cut in two":
            return text[: text.index("<ID>5</ID>") + 4]
        place = text.index("B5.tif") + 10
        return text[:place] + ("" if damage == "cut short" else "<<<" + text[place:])

    source = READER.look(change(export, spoil))
    assert [scan.position for scan in source.scans] == [0, 1, 2, 3]
    assert source.left_out == {"fundus image": 1}
    assert source.warnings == ["6 of 10 B-scans are missing or damaged: copy or export the volume again"]
    assert sorted(part.name for part in source.parts) == ["B1.tif", "B2.tif", "B3.tif", "B4.tif", "NIR1.tif"]
    assert len(read_all(export)) == 4


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (lambda text: text[:5], "cut short"),
        (lambda text: '<!DOCTYPE x [<!ENTITY a "aaaaaaaa">]>' + text, "declarations"),
        (lambda text: re.sub(r"<Series>.*</Series>", "", text, flags=re.DOTALL), "names no image"),
        (lambda text: text.replace("<BODY>", "<BODY>" + "<a/>" * 210_000), "larger"),
    ],
    ids=["cut", "entities", "no series", "many elements"],
)
def test_damaged_exports_are_refused(export: Path, changed: Callable[[str], str], reason: str) -> None:
    with pytest.raises(UnreadableImage, match=reason):
        READER.look(change(export, changed))


def test_names_and_dates_of_people_do_not_leave_the_reader(export: Path) -> None:
    def plant(text: str) -> str:
        text = (
            text.replace("Doe", "PLANTED-NAME")
            .replace("John", "PLANTED-NAME")
            .replace("main", "PLANTED-DOCTOR")
        )
        text = re.sub(
            r"<Birthdate>.*?</Birthdate>", "<Birthdate>PLANTED-BIRTH</Birthdate>", text, flags=re.DOTALL
        )
        return text.replace("<ID>00001</ID>", "<ID>PLANTED-ID</ID>").replace("2910271", "PLANTED-SERIES")

    told = READER.look(change(export, plant))
    assert "PLANTED" not in repr(told)
    (export.parent / "B1.tif").unlink()
    assert not any("Study-01" in warning or "B1" in warning for warning in READER.look(export).warnings)
