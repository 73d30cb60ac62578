"""Finding images: folders, lists, links, names and samples."""

import os
import threading
from collections import Counter
from pathlib import Path

import pytest
from octcluster.images import sources
from octcluster.images.folder import describe_ignored, find_images
from octcluster.images.headers import FileHead, read_head
from octcluster.images.image_set import sample_per_class, spell_classes
from octcluster.images.sources import IMAGE_ENDINGS
from octcluster.model.errors import InvalidImageSet
from PIL import Image
from tiff_files import TiffPage, write_tiff


def make_files(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def find_names(source: Path, labels: str = "none") -> list[str]:
    return [image.name for image in find_images(source, labels).images]


def test_finds_images_of_every_extension_in_any_case(tmp_path: Path) -> None:
    names = [f"a{extension}" for extension in IMAGE_ENDINGS] + ["b.JPEG", "deep/er/c.TiF"]
    make_files(tmp_path, *names, "notes.txt", "deep/er/table.csv")
    found = find_images(tmp_path)
    assert [image.name for image in found.images] == sorted(names)
    assert found.ignored_files == 2
    assert all(image.path == tmp_path / image.name for image in found.images)


def test_sorts_names_by_code_point_not_by_folder(tmp_path: Path) -> None:
    make_files(tmp_path, "a/z.png", "a-b.png", "B.png", "ä.png", "a.png")
    assert find_names(tmp_path) == ["B.png", "a-b.png", "a.png", "a/z.png", "ä.png"]


@pytest.mark.parametrize(("seconds", "threads"), [(60.0, False), (0.0, True)])
def test_files_of_a_slow_disk_are_looked_at_in_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, threads: bool
) -> None:
    names = sorted(f"{number:03}.png" for number in range(300))
    make_files(tmp_path, *names)
    seen: set[int] = set()

    def note_thread(path: Path) -> FileHead:
        seen.add(threading.get_ident())
        return read_head(path)

    monkeypatch.setattr(sources, "_SLOW_SECONDS_A_FILE", seconds)
    monkeypatch.setattr(sources, "read_head", note_thread)
    assert find_names(tmp_path) == names
    assert (len(seen) > 1) == threads


def test_skips_hidden_files_and_folders(tmp_path: Path) -> None:
    make_files(tmp_path, "a.png", ".b.png", ".cache/c.png", "d/._e.png")
    found = find_images(tmp_path)
    assert [image.name for image in found.images] == ["a.png"]
    assert found.ignored_files == 0


def test_follows_links_and_survives_loops(tmp_path: Path) -> None:
    images = make_files(tmp_path / "images", "CNV/a.png", "b.png")
    elsewhere = make_files(tmp_path / "elsewhere", "c.png")
    (images / "CNV" / "up").symlink_to(images)
    (images / "linked").symlink_to(elsewhere)
    (images / "aaa").symlink_to(images / "CNV")
    (images / "d.png").symlink_to(elsewhere / "c.png")
    (images / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert find_names(images) == ["CNV/a.png", "b.png", "d.png", "gone.png", "linked/c.png"]


def test_skips_what_is_no_file(tmp_path: Path) -> None:
    make_files(tmp_path, "a.png", "folder.png/b.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert find_names(tmp_path) == ["a.png", "folder.png/b.png"]


def test_no_image_says_what_was_looked_for(tmp_path: Path) -> None:
    make_files(tmp_path, "a.csv", "b.txt")
    with pytest.raises(
        InvalidImageSet, match=r"no image in .*\.jpeg.*DICOM.*found 2 other files \(\.csv: 1, \.txt: 1\)"
    ):
        find_images(tmp_path)


def test_files_that_hold_no_scans_are_counted_by_ending(tmp_path: Path) -> None:
    make_files(tmp_path, "a.png", "b.TXT", "c.txt", "notes", "e.csv", "f.pdf")
    found = find_images(tmp_path)
    assert dict(found.ignored_endings) == {".txt": 2, "": 1, ".csv": 1, ".pdf": 1}
    assert describe_ignored(found.ignored_endings) == "5 other files (.txt: 2, no ending: 1, .csv: 1, ...)"
    assert describe_ignored({".txt": 1}) == "1 other file (.txt: 1)"
    (note,) = (note for note in found.notes if note.kind == "ignored")
    assert note.text.startswith(
        "Ignored 5 other files (.txt: 2, no ending: 1, .csv: 1, ...). Files with .pdf may"
    )


def test_what_may_hold_scans_in_a_format_that_is_not_read_is_to_be_mended(tmp_path: Path) -> None:
    make_files(tmp_path, "a.png", "b.gif", "c.nii.gz", "d.txt")
    (note,) = (note for note in find_images(tmp_path).notes if note.kind == "ignored")
    assert note.to_mend
    assert "Files with .gif, .gz may hold scans" in note.text
    (tmp_path / "b.gif").unlink()
    (tmp_path / "c.nii.gz").unlink()
    (note,) = (note for note in find_images(tmp_path).notes if note.kind == "ignored")
    assert (note.text, note.to_mend) == ("Ignored 1 other file (.txt: 1).", False)


def test_what_is_missing_or_one_image_is_refused_with_a_cure(tmp_path: Path) -> None:
    make_files(tmp_path, "a.png")
    with pytest.raises(InvalidImageSet, match="nowhere does not exist: give a folder"):
        find_images(tmp_path / "nowhere")
    with pytest.raises(InvalidImageSet, match=r"a\.png is one image: give its folder"):
        find_images(tmp_path / "a.png")


def test_list_is_relative_to_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_files(tmp_path, "set/CNV/b.png", "set/a.png", "other/c.png")
    monkeypatch.chdir(tmp_path)
    lines = [
        "# my images",
        "",
        "./CNV/b.png",
        "a.png",
        "a.png",
        " CNV/../a.png ",
        "../other/c.png",
        "gone.png",
    ]
    list_file = tmp_path / "set" / "list.txt"
    list_file.write_text("\n".join([*lines, str(tmp_path / "set" / "CNV" / "b.png")]), encoding="utf-8")
    found = find_images(Path("set/list.txt"))
    outside = (tmp_path / "other" / "c.png").as_posix()
    assert [image.name for image in found.images] == [outside, "CNV/b.png", "a.png", "gone.png"]
    assert [image.path.exists() for image in found.images] == [True, True, True, False]
    assert found.root == Path("set")


@pytest.mark.parametrize("content", [b"", b"# nothing\n\n", b"\xff\xfe\x00"])
def test_a_list_without_paths_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "list.txt"
    file.write_bytes(content)
    with pytest.raises(InvalidImageSet, match="one path a line"):
        find_images(file)


def test_real_images_have_labels_and_patients(oct_images: Path) -> None:
    found = find_images(oct_images)
    assert found.classes == ["CNV", "DME", "DRUSEN", "NORMAL"]
    assert found.label_source == "folder"
    for image in found.images:
        disease, patient, _ = image.path.stem.split("-")
        assert (image.label, image.patient) == (disease, patient)
        assert image.path.is_file()


def test_sample_per_class_depends_on_the_seed_and_the_class_alone(tmp_path: Path) -> None:
    make_files(tmp_path, *(f"{label}/{i}.png" for label in "AB" for i in range(30)), "C/1.png", "none.png")
    images = find_images(tmp_path, "folder")
    first = sample_per_class(images, 5, seed=1)
    assert Counter(image.label for image in first.images) == {"A": 5, "B": 5, "C": 1}
    assert [image.name for image in first.images] == sorted(image.name for image in first.images)
    assert sample_per_class(images, 5, seed=1) == first
    assert sample_per_class(images, 5, seed=2) != first
    (tmp_path / "C" / "1.png").unlink()
    without_c = sample_per_class(find_images(tmp_path, "folder"), 5, seed=1)
    assert list(without_c.images) == [image for image in first.images if image.label != "C"]


def test_sample_without_labels_is_refused_with_a_cure(tmp_path: Path) -> None:
    make_files(tmp_path, "a.png")
    with pytest.raises(InvalidImageSet, match=r"--per-class 5 needs labels.*--labels FILE\.csv"):
        sample_per_class(find_images(tmp_path), 5, seed=0)


def make_tiff(path: Path, pages: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(write_tiff([TiffPage(8, 6, bytes(range(48)))] * pages))
    return path


def make_image(path: Path, kind: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (20, 20), 90).save(path, kind)
    return path


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("name", ["scan", "scan.dcm", "scan.E2E", "1.2.840.10008", "scan.txt", "scan.png"])
def test_an_image_is_told_by_its_content(tmp_path: Path, name: str, kind: str) -> None:
    make_image(tmp_path / name, kind)
    (found,) = find_images(tmp_path).images
    assert (found.name, found.number, found.fault) == (name, None, None)


@pytest.mark.parametrize(
    "content", [b"", b"BMI,age\n21,60\n", b"RIFF....WAVE", b"II is a numeral", b"%PDF-1.7"]
)
def test_other_files_are_ignored_unless_their_ending_promises_scans(tmp_path: Path, content: bytes) -> None:
    for name in ("a", "b.txt", "c.csv", "d.png", "e.TIF", "f.dcm", "g.vol"):
        (tmp_path / name).write_bytes(content)
    found = find_images(tmp_path)
    assert [image.name for image in found.images] == ["d.png", "e.TIF", "f.dcm", "g.vol"]
    assert dict(found.ignored_endings) == {"": 1, ".csv": 1, ".txt": 1}
    for image in found.images[2:]:
        assert image.fault is not None
        assert "copy it again" in image.fault


def test_a_file_that_cannot_be_opened_is_kept_if_its_ending_promises_an_image(tmp_path: Path) -> None:
    for name in ("a.png", "b.txt"):
        (tmp_path / name).symlink_to(tmp_path / "nowhere")
    assert find_names(tmp_path) == ["a.png"]


@pytest.mark.heavy
def test_volumes_become_scans_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    make_tiff(tmp_path / "CNV" / "CNV-11-1.tif", 12)
    make_tiff(tmp_path / "DME" / "one.tif", 1)
    make_image(tmp_path / "CNV" / "CNV-11-2.png", "PNG")
    (tmp_path / "DME" / "cut.tif").write_bytes(make_tiff(tmp_path / "whole", 2).read_bytes()[:-60])
    (tmp_path / "whole").unlink()
    found = find_images(tmp_path, "folder")
    numbers = range(1, 13)
    assert [image.name for image in found.images] == [
        *(f"CNV/CNV-11-1.tif#{number}" for number in numbers),
        "CNV/CNV-11-2.png",
        "DME/cut.tif",
        "DME/one.tif",
    ]
    scans = found.images[:12]
    assert [image.number for image in scans] == list(numbers)
    assert {(image.file_name, image.label, image.format) for image in scans} == {
        ("CNV/CNV-11-1.tif", "CNV", "TIFF")
    }
    assert "damaged" in str(found.images[13].fault)
    assert (found.images[14].number, found.images[14].fault) == (None, None)
    assert found.formats == {"TIFF": 1}


@pytest.mark.heavy
def test_a_volume_may_be_given_alone(tmp_path: Path) -> None:
    assert find_names(make_tiff(tmp_path / "volume", 2)) == ["volume#1", "volume#2"]
    make_image(tmp_path / "scan", "JPEG")
    with pytest.raises(InvalidImageSet, match="scan is one image: give its folder"):
        find_images(tmp_path / "scan")


@pytest.mark.heavy
def test_a_list_may_name_single_scans_of_a_volume(tmp_path: Path) -> None:
    for name in ("some", "all", "deep/missing"):
        make_tiff(tmp_path / name, 3)
    make_tiff(tmp_path / "odd#2", 1)
    list_file = tmp_path / "list"
    lines = [
        "some#3",
        "some#1",
        "some#3",
        "all#2",
        "all",
        "deep/missing#2",
        "deep/missing#9",
        "odd#2",
        "gone#4",
    ]
    list_file.write_text("\n".join(lines))
    found = find_images(list_file)
    assert [scan.name for scan in found.images if scan.fault is None] == [
        *("all#1", "all#2", "all#3", "deep/missing#2", "gone#4", "odd#2", "some#1", "some#3")
    ]
    assert {scan.name: scan.fault for scan in found.images if scan.fault} == {
        "deep/missing#9": "the file does not hold so many B-scans"
    }


@pytest.mark.heavy
def test_a_list_may_name_volumes_and_loses_no_file_that_is_none(tmp_path: Path) -> None:
    make_tiff(tmp_path / "volume", 2)
    (tmp_path / "notes.txt").write_text("no image")
    list_file = tmp_path / "list"
    list_file.write_text("volume\nnotes.txt\n")
    assert find_names(list_file) == ["notes.txt", "volume#1", "volume#2"]


def test_classes_get_the_spelling_of_an_earlier_run(tmp_path: Path) -> None:
    make_files(tmp_path, "cnv/1.png", "d m e/1.png", "GA/1.png", "none.png")
    images = spell_classes(find_images(tmp_path), ["CNV", "DME", "NORMAL"])
    assert [image.label for image in images.images] == ["GA", "CNV", "DME", None]


def test_a_jpeg_with_further_pictures_is_told(tmp_path: Path) -> None:
    first, second = Image.new("L", (64, 48), 90), Image.new("L", (64, 48), 10)
    first.save(tmp_path / "a.jpeg", "MPO", save_all=True, append_images=[second])
    first.save(tmp_path / "b.jpeg")
    found = find_images(tmp_path)
    assert [image.name for image in found.images] == ["a.jpeg", "b.jpeg"]
    (note,) = [note for note in found.notes if note.kind == "reader_warning"]
    assert (note.images, note.to_mend) == (1, True)
    assert "several pictures (MPO): the first is read" in note.text
