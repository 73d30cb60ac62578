"""Labels and patients from folders, file names and tables."""

from pathlib import Path

import pytest
from octcluster.images.image_set import Scan
from octcluster.images.labels import MAX_AUTO_CLASSES, label_images
from octcluster.model.errors import InvalidImageSet


def files(*names: str) -> list[Scan]:
    return [Scan(Path("/images", name), name) for name in names]


def label(labels: str, *names: str) -> tuple[list[str | None], str]:
    labelled, source, _ = label_images(files(*names), labels)
    return [image.label for image in labelled], source


def test_folder_is_the_last_one_below_images() -> None:
    found = label("folder", "train/CNV/a.png", "test/CNV/b.png", "DME/c.png", "d.png")
    assert found == (["CNV", "CNV", "DME", None], "folder")


def test_filename_gives_disease_and_patient() -> None:
    labelled, source, _ = label_images(files("x/CNV-12-1.jpeg", "DME-ab-cd-2.png", "other.png"), "filename")
    assert source == "filename"
    assert [(i.label, i.patient) for i in labelled] == [("CNV", "12"), ("DME", "ab-cd"), (None, None)]


def test_none_keeps_the_patient_but_no_label() -> None:
    labelled, source, _ = label_images(files("CNV/CNV-12-1.jpeg"), "none")
    assert (labelled[0].label, labelled[0].patient, source) == (None, "12", "none")


@pytest.mark.parametrize(
    ("names", "source"),
    [
        ([f"{name}/{i}.png" for name in ("CNV", "DME") for i in range(5)], "folder"),
        ([f"{name}/{i}.png" for name in ("Doe", "Roe") for i in range(4)], "none"),
        ([f"{name}/x-{name}-{i}.png" for name in ("Doe", "Roe") for i in range(9)], "none"),
        (["CNV/CNV-1-1.png", "CNV/CNV-2-1.png", "DME/DME-3-1.png"], "folder"),
        (["one/CNV-1-1.png", "one/DME-2-1.png"], "filename"),
        (["CNV-1-1.png", "DME-2-1.png"], "filename"),
        (["CNV-1-1.png", "CNV-2-1.png"], "none"),
        (["CNV-1-1.png", "DME-2-1.png", "odd.png"], "none"),
        ([f"CNV-{i}-1.png" for i in range(20)] + ["DME-1-1.png", "odd.png"], "filename"),
        (["2021-03-15.png", "2022-03-15.png"], "none"),
        ([f"patient{i}/scan.png" for i in range(MAX_AUTO_CLASSES + 1)], "none"),
        (["a.png", "b.png"], "none"),
    ],
)
def test_auto_takes_the_first_source_that_fits(names: list[str], source: str) -> None:
    assert label("auto", *names)[1] == source


@pytest.mark.parametrize("source", ["folder", "filename"])
def test_a_source_without_any_label_is_refused(source: str) -> None:
    with pytest.raises(InvalidImageSet, match=f"--labels {source} finds no label, because"):
        label(source, "a.png", "b.png")


def write_table(folder: Path, text: str) -> str:
    file = folder / "labels.csv"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_table_matches_by_path_or_by_file_name_alone(tmp_path: Path) -> None:
    table = write_table(
        tmp_path, '\ufeffimage,label,patient\na/x.png,"CNV, wet",7\ny.png,DME,\n./z.png,,8\nq.png,Q,1\n'
    )
    labelled, source, _ = label_images(files("a/x.png", "b/x.png", "b/N-5-y.png", "b/y.png", "z.png"), table)
    assert source == "csv"
    assert [(i.label, i.patient) for i in labelled] == [
        ("CNV, wet", "7"), (None, None), (None, None), ("DME", None), (None, "8"),
    ]  # fmt: skip


def test_table_without_patients_keeps_those_of_the_names(tmp_path: Path) -> None:
    labelled, *_ = label_images(
        files("CNV-12-1.png"), write_table(tmp_path, "label,image\nwet,CNV-12-1.png\n")
    )
    assert (labelled[0].label, labelled[0].patient) == ("wet", "12")


def test_table_of_patients_alone_gives_no_label(tmp_path: Path) -> None:
    table = write_table(tmp_path, "image,patient\nCNV-12-1.png,7\nCNV-12-2.png,\nb.png\n")
    labelled, source, _ = label_images(files("CNV-12-1.png", "CNV-12-2.png", "b.png"), table)
    assert source == "csv"
    assert [(i.label, i.patient) for i in labelled] == [(None, "7"), (None, "12"), (None, None)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image;label\nx.png;CNV\n", "row 1: the column 'image' is missing.*commas"),
        ("image,class\nx.png,1\n", "row 1: the columns 'label' and 'patient' are missing; .*image,patient"),
        ("", "row 1: the column 'image' is missing"),
        (
            "image,label\na/x.png,CNV\nx.png,DME\n",
            "row 3, column 'image': 2 images are called x.png; write the path",
        ),
        ("image,label\na/x.png\n", "row 2, column 'label': there is no cell"),
        ("image,label\n,CNV\n", "row 2, column 'image': it is empty"),
        ("image,label\na/x.png,CNV,wet\n", "row 2: it has more cells than row 1; .* quotes"),
        (
            "image,label\na/x.png,CNV\na/x.png,DME\n",
            "row 3, column 'label': row 2 says something else about a/x.png",
        ),
        ('image,label\na/x.png,"CNV\n', "row 2: .*quotes"),
        ("image,label\nnowhere.png,CNV\n", "no row of .* names one of the images.*such as a/x.png"),
    ],
)
def test_a_bad_table_is_refused_by_row_and_column(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidImageSet, match=message):
        label(write_table(tmp_path, text), "a/x.png", "b/x.png")


def test_a_missing_or_foreign_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidImageSet, match="--labels folders: there is no such file; give auto, folder"):
        label("folders", "a.png")
    file = tmp_path / "labels.csv"
    file.write_bytes("image,label\nü.png,CNV\n".encode("latin-1"))
    with pytest.raises(InvalidImageSet, match="cannot read it as a UTF-8 CSV file"):
        label(str(file), "a.png")


def test_rows_that_name_no_image_are_counted(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("image,label\nCVN/a.png,CNV\nb.png,DME\nc.png,DME\nd.png,\n")
    labelled, _, stray_rows = label_images(files("CNV/a.png", "b.png"), str(table))
    assert [image.label for image in labelled] == [None, "DME"]
    assert stray_rows == [2, 4, 5]


@pytest.mark.parametrize(
    ("header", "hint"),
    [("image,lable,patient", "did you mean label"), ("image;label", "semicolons"), ("imgae,label", "image")],
)
def test_a_mistyped_heading_is_told(tmp_path: Path, header: str, hint: str) -> None:
    table = tmp_path / "labels.csv"
    table.write_text(f"{header}\na.png,CNV,1\n")
    with pytest.raises(InvalidImageSet, match=hint):
        label_images(files("a.png"), str(table))
