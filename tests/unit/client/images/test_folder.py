"""Finding images: folders, lists, links, names and samples."""

import os
from collections import Counter
from pathlib import Path

import pytest
from octcluster.images.folder import IMAGE_EXTENSIONS, describe_ignored, find_images, has_foreign_volumes
from octcluster.images.image_set import sample_per_class
from octcluster.model.errors import InvalidImageSet


def make_files(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def find_names(source: Path, labels: str = "none") -> list[str]:
    return [image.name for image in find_images(source, labels).images]


def test_finds_images_of_every_extension_in_any_case(tmp_path: Path) -> None:
    names = [f"a{extension}" for extension in IMAGE_EXTENSIONS] + ["b.JPEG", "deep/er/c.TiF"]
    make_files(tmp_path, *names, "notes.txt", "deep/er/table.csv")
    found = find_images(tmp_path)
    assert [image.name for image in found.images] == sorted(names)
    assert found.ignored_files == 2
    assert all(image.path == tmp_path / image.name for image in found.images)


def test_sorts_names_by_code_point_not_by_folder(tmp_path: Path) -> None:
    make_files(tmp_path, "a/z.png", "a-b.png", "B.png", "ä.png", "a.png")
    assert find_names(tmp_path) == ["B.png", "a-b.png", "a.png", "a/z.png", "ä.png"]


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
    make_files(tmp_path, "a.dcm", "b.txt")
    with pytest.raises(
        InvalidImageSet, match=r"no image in .*\.jpeg.*found 2 other files \(\.dcm: 1, \.txt: 1\)"
    ):
        find_images(tmp_path)


def test_files_that_are_no_images_are_counted_by_ending_with_the_cure_for_volumes(tmp_path: Path) -> None:
    make_files(tmp_path, "a.png", "b.DCM", "c.dcm", "d.e2e", "notes", "e.csv")
    found = find_images(tmp_path)
    assert dict(found.ignored_endings) == {".dcm": 2, "": 1, ".csv": 1, ".e2e": 1}
    assert describe_ignored(found.ignored_endings) == (
        "5 other files (.dcm: 2, no ending: 1, .csv: 1, ...): files of DICOM, Heidelberg are not read, "
        "export their B-scans as PNG or JPEG"
    )
    assert describe_ignored({".txt": 1}) == "1 other file (.txt: 1)"
    assert has_foreign_volumes(found.ignored_endings)
    assert not has_foreign_volumes({".txt": 1})


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
    images = find_images(tmp_path)
    first = sample_per_class(images, 5, seed=1)
    assert Counter(image.label for image in first.images) == {"A": 5, "B": 5, "C": 1}
    assert [image.name for image in first.images] == sorted(image.name for image in first.images)
    assert sample_per_class(images, 5, seed=1) == first
    assert sample_per_class(images, 5, seed=2) != first
    (tmp_path / "C" / "1.png").unlink()
    without_c = sample_per_class(find_images(tmp_path), 5, seed=1)
    assert list(without_c.images) == [image for image in first.images if image.label != "C"]


def test_sample_without_labels_is_refused_with_a_cure(tmp_path: Path) -> None:
    make_files(tmp_path, "a.png")
    with pytest.raises(InvalidImageSet, match=r"--per-class 5 needs labels.*--labels FILE\.csv"):
        sample_per_class(find_images(tmp_path), 5, seed=0)
