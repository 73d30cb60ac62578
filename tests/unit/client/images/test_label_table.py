"""Tables of labels as people and spreadsheets write them."""

import codecs
from dataclasses import replace
from pathlib import Path

import pytest
from octcluster.images.image_set import Scan
from octcluster.images.labels import label_images
from octcluster.model.errors import InvalidImageSet


def files(*names: str) -> list[Scan]:
    return [Scan(Path("/images"), name) for name in names]


def scans_of(name: str, count: int) -> list[Scan]:
    return [Scan(Path("/images"), f"{name}#{number}", number=number) for number in range(1, count + 1)]


def write_table(folder: Path, text: str, encoding: str = "utf-8") -> str:
    file = folder / "labels.csv"
    file.write_bytes(text.encode(encoding))
    return str(file)


def read(
    folder: Path, text: str, *names: str, encoding: str = "utf-8"
) -> list[tuple[str | None, str | None]]:
    found = label_images(files(*names), write_table(folder, text, encoding))
    return [(image.label, image.patient) for image in found.images]


def test_rows_match_by_path_or_by_file_name_alone(tmp_path: Path) -> None:
    text = (
        '\ufeffimage,label,patient\na/x.png,"CNV, wet",7\ny.png,DME,\n./z.png,,8\nq.png,Q,1\n'
        "b\\v.png,GA,\nu,ERM,\n"
    )
    names = ("a/x.png", "b/x.png", "b/N-5-y.png", "b/y.png", "z.png", "b/v.png", "c/u.jpeg")
    assert read(tmp_path, text, *names) == [
        ("CNV, wet", "7"), (None, None), (None, None), ("DME", None), (None, "8"), ("GA", None),
        ("ERM", None),
    ]  # fmt: skip


def test_without_patients_those_of_the_names_stay(tmp_path: Path) -> None:
    text = "label,image\nwet,CNV-12-1.png\ndry,CNV-13-1.png\n"
    assert read(tmp_path, text, "CNV-12-1.png", "CNV-13-1.png") == [("wet", "12"), ("dry", "13")]


def test_patients_alone_leave_the_classes_to_the_names(tmp_path: Path) -> None:
    text = "image,patient\nCNV-12-1.png,7\nCNV-12-2.png,\nb.png\n"
    table = write_table(tmp_path, text)
    found = label_images(files("CNV-12-1.png", "CNV-12-2.png", "b.png"), table)
    assert found.source == "none"
    assert [(i.label, i.patient) for i in found.images] == [(None, "7"), (None, "12"), (None, None)]
    found = label_images(files("GA/CNV-12-1.png", "GA/CNV-12-2.png", "normal/b.png"), table)
    assert found.source == "folder"
    assert [(i.label, i.patient) for i in found.images] == [("GA", "7"), ("GA", "12"), ("normal", None)]


@pytest.mark.parametrize(
    "name", ["/images/t/CNV/a.png", "CNV/a.png", "CNV/a", "a", "t/CNV/a", "t\\CNV\\a.png"]
)
def test_images_are_found_by_whole_paths_and_by_their_ends(tmp_path: Path, name: str) -> None:
    names = ("t/CNV/a.png", "t/CNV/aa.png", "t/xCNV/b.png")
    assert read(tmp_path, f"image,label\n{name},wet\n", *names)[0][0] == "wet"


@pytest.mark.parametrize(
    "name", ["/elsewhere/t/CNV/a.png", "NV/a.png", "x/t/CNV/a.png", "a.jpeg", "C:\\t\\CNV\\a.png"]
)
def test_other_paths_name_no_image(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidImageSet, match="names one of the images"):
        read(tmp_path, f"image,label\n{name},wet\n", "t/CNV/a.png")


def test_empty_rows_that_a_spreadsheet_leaves_are_skipped(tmp_path: Path) -> None:
    assert read(tmp_path, "image,label\na.png,CNV\n,\n,\n\n", "a.png") == [("CNV", None)]


@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_every_encoding_of_a_spreadsheet_is_read(tmp_path: Path, encoding: str, mark: bool) -> None:
    marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
    table = tmp_path / "labels.csv"
    data = "image,label\nmüller.png,Ödem\nb.png,CNV\n".encode(encoding)
    table.write_bytes(marks.get(encoding, b"") * mark + data)
    found = label_images(files("müller.png", "b.png"), str(table))
    assert [image.label for image in found.images] == ["Ödem", "CNV"]
    assert [note.kind for note in found.notes if note.to_mend] == ["table_encoding"] * (encoding == "cp1252")


@pytest.mark.parametrize(
    "text",
    [
        "sep=,\nimage,label\na.png,CNV\n",
        "sep=;\r\nimage;label\r\na.png;CNV\r\n",
        '"sep=;"\nimage;label\na.png;CNV\n',
        "image;label\na.png;CNV\n",
        "image\tlabel\na.png\tCNV\n",
        "image|label\na.png|CNV\n",
        'image;label;note\na.png;CNV;"a, b; c"\n',
        "image,label\r\na.png,CNV\r\n",
        "image,label\ra.png,CNV\r",
        "\n\nimage,label\na.png,CNV\n",
        'image,label\na.png, "CNV"\n',
        "image,label\na.png,CNV,,\n",
        "image,label,,\na.png,CNV,,\n",
        "image;label\na.png;CNV\n;;;\n",
        "image,label\na.png,CNV\n\x1a",
    ],
)
def test_separators_are_those_of_the_heading(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text, "a.png") == [("CNV", None)]


@pytest.mark.parametrize(
    "heading",
    [
        "file_name,disease,patient_id",
        "filename,diagnosis,patientid",
        "path,class,subject",
        "File,Category,Subject ID",
        "image_id,pathology,PatientID",
        "IMAGE,Label,PATIENT",
        "Dateiname,Diagnose,Patienten-ID",
        "img_path,ground_truth,mrn",
    ],
)
def test_usual_headings_are_taken_for_what_they_mean_and_told(tmp_path: Path, heading: str) -> None:
    found = label_images(files("a.png"), write_table(tmp_path, f"{heading}\na.png,CNV,7\n"))
    assert [(image.label, image.patient) for image in found.images] == [("CNV", "7")]
    told = [note.text for note in found.notes if note.kind == "table_columns"]
    first = heading.split(",", maxsplit=1)[0]
    assert told == [] if heading == "IMAGE,Label,PATIENT" else f"'{first}' as image" in told[0]


def test_columns_that_are_not_used_are_told_where_one_may_be_missed(tmp_path: Path) -> None:
    found = label_images(
        files("a.png"), write_table(tmp_path, "image,patient,Diagnosis (main),age\na.png,7,CNV,60\n")
    )
    (told,) = [note.text for note in found.notes if note.kind == "table_unused"]
    assert told == "The table has no column for the label. Not used: 'Diagnosis (main)', 'age'."
    found = label_images(files("a.png"), write_table(tmp_path, "image,patient,label,age\na.png,7,CNV,60\n"))
    assert not [note for note in found.notes if note.kind == "table_unused"]


def test_the_exact_heading_goes_before_others(tmp_path: Path) -> None:
    text = "image,path,label,disease\na.png,elsewhere,CNV,DME\n"
    assert read(tmp_path, text, "a.png") == [("CNV", None)]


@pytest.mark.parametrize(
    ("heading", "message"),
    [
        (
            "path,filename,label",
            "several columns may be the image: path, filename; call the right one 'image'",
        ),
        ("image,label,Label", "several columns may be the label: label, Label"),
        ("image,class,diagnosis", "several columns may be the label: class, diagnosis"),
        ("image,lable,patient", "did you mean label"),
        ("imgae,label", "did you mean image"),
        ("image,note", "the columns 'label' and 'patient' are missing; .*image,patient"),
        ("number,label", "the column 'image' is missing"),
        ("", "the column 'image' is missing"),
    ],
)
def test_a_heading_that_is_wrong_or_has_two_meanings_is_told(
    tmp_path: Path, heading: str, message: str
) -> None:
    with pytest.raises(InvalidImageSet, match=rf"row \d: .*{message}"):
        read(tmp_path, f"{heading}\na.png,CNV,1\n", "a.png")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "image,label\na/x.png,CNV\nx.png,DME\n",
            "row 3, column 'image': 2 images are called x.png; write the path",
        ),
        ("image,label\na/x.png\n", "row 2, column 'label': there is no cell"),
        ("image,label\n,CNV\n", "row 2, column 'image': it is empty"),
        ("image,label\na/x.png,CNV,wet\n", "row 2: it has more cells than row 1; .* comma in quotes"),
        (
            "sep=;\nimage;label\na/x.png;CNV;wet\n",
            "row 3: it has more cells than row 2; .* semicolon in quotes",
        ),
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
        read(tmp_path, text, "a/x.png", "b/x.png")


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidImageSet, match="--labels folders: there is no such file; give auto, folder, folder:N"
    ):
        label_images(files("a.png"), "folders")
    with pytest.raises(InvalidImageSet, match="is a folder: say --labels folder"):
        label_images(files("a.png"), str(tmp_path))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("labels.xlsx", b"PK\x03\x04 and more"),
        ("labels.csv", b"PK\x03\x04 and more"),
        ("labels.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        ("labels.ods", b""),
    ],
)
def test_a_workbook_is_refused_with_the_cure(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(
        InvalidImageSet, match=r"is a workbook, not a CSV file: .*save the sheet as 'CSV UTF-8'"
    ):
        label_images(files("a.png"), str(tmp_path / name))


def test_rows_that_name_no_image_are_counted(tmp_path: Path) -> None:
    table = write_table(tmp_path, "image,label\nCVN/a.png,CNV\nb.png,DME\nc.png,DME\nd.png,\n")
    found = label_images(files("CNV/a.png", "b.png"), table)
    assert [image.label for image in found.images] == [None, "DME"]
    assert found.stray_rows == [2, 4, 5]


@pytest.mark.parametrize(
    "value", ["NA", "N/A", "n.a.", "-", "--", "?", "none", "NULL", "unknown", "nan", "#N/A", " "]
)
def test_values_that_say_nothing_are_no_class_and_no_patient(tmp_path: Path, value: str) -> None:
    text = f"image,label,patient\na.png,CNV,1\nb.png,{value},{value}\n"
    found = label_images(files("a.png", "b.png"), write_table(tmp_path, text))
    assert [(image.label, image.patient) for image in found.images] == [("CNV", "1"), (None, None)]
    told = [note.text for note in found.notes if note.kind == "table_unknown"]
    assert len(told) == (0 if value == " " else 2)
    assert all(text.startswith("1 row of the table") for text in told)


def test_spellings_in_a_table_are_one_class(tmp_path: Path) -> None:
    text = "image,label\na.png,CNV\nb.png,cnv \nc.png,\u00a0CNV\nd.png,Cnv\ne.png,CNV\nf.png,DME\n"
    found = read(tmp_path, text, *(f"{letter}.png" for letter in "abcdef"))
    assert [label for label, _ in found] == ["CNV"] * 5 + ["DME"]


def test_patients_that_differ_in_spelling_only_are_told(tmp_path: Path) -> None:
    text = "image,patient\na.png,P12\nb.png,p12\nc.png,P-12\nd.png,P13\n"
    found = label_images(files(*(f"{letter}.png" for letter in "abcd")), write_table(tmp_path, text))
    (told,) = [note for note in found.notes if note.kind == "patients"]
    assert "3 of them differ from another one in their spelling only" in told.text
    assert told.to_mend


def test_decomposed_names_of_files_match_composed_ones(tmp_path: Path) -> None:
    assert read(tmp_path, "image,label\nmu\u0308ller.png,CNV\n", "m\u00fcller.png") == [("CNV", None)]


def test_rows_of_containers_are_about_one_scan_or_all(tmp_path: Path) -> None:
    text = "image,label,eye\nv.dcm,CNV,OD\nv.dcm#2,DME,L\nother#1.png,GA,?\n"
    scans = [*scans_of("a/v.dcm", 3), *files("a/other#1.png")]
    found = label_images(scans, write_table(tmp_path, text)).images
    assert [image.label for image in found] == ["CNV", "DME", "CNV", "GA"]
    assert [image.eye for image in found] == ["OD", "OS", "OD", None]


def test_the_table_goes_before_what_is_known_otherwise(tmp_path: Path) -> None:
    table = write_table(tmp_path, "image,patient,eye\nCNV-12-1.png,7,right\n")
    (found,) = label_images([replace(files("CNV-12-1.png")[0], patient="12")], table).images
    assert (found.patient, found.eye) == ("7", "OD")


def test_formulas_that_outputs_made_safe_are_read_back(tmp_path: Path) -> None:
    text = "image,label,patient\n'=1+1/a.png,'=1+1,'@x\n'-b.png,'CNV,''+y\n"
    found = read(tmp_path, text, "=1+1/a.png", "-b.png")
    assert found == [("=1+1", "@x"), ("'CNV", "'+y")]


def notes_of(folder: Path, text: str, *names: str) -> dict[str, str]:
    found = label_images(files(*names), write_table(folder, text))
    return {note.kind: note.text for note in found.notes}


@pytest.mark.parametrize("value", ["1.23E+11", "4,5e+12", "9E+15"])
def test_a_patient_that_a_spreadsheet_rounded_is_none(tmp_path: Path, value: str) -> None:
    text = f'image,patient\na.png,"{value}"\nb.png,"{value}"\nc.png,1E10\nd.png,1E10\n'
    names = ("a.png", "b.png", "c.png", "d.png")
    assert [patient for _, patient in read(tmp_path, text, *names)] == [None, None, "1E10", "1E10"]
    assert (
        f"2 rows of the table give a patient that a spreadsheet has rounded ('{value}')"
        in (notes_of(tmp_path, text, *names)["table_rounded"])
    )


def test_eyes_that_are_not_understood_are_told(tmp_path: Path) -> None:
    text = "image,eye\na.png,OD\nb.png,2\nc.png,OU\nd.png,NA\n"
    found = label_images(files("a.png", "b.png", "c.png", "d.png"), write_table(tmp_path, text))
    assert [image.eye for image in found.images] == ["OD", None, None, None]
    (note,) = [note for note in found.notes if note.kind == "table_unknown"]
    assert note.text == "2 rows of the table give an eye that is none ('2', 'OU'): write OD or OS."
    assert note.to_mend


@pytest.mark.parametrize("heading", ["visit", "Visit date", "exam_date"])
def test_visits_of_the_table_go_before_those_of_folders(tmp_path: Path, heading: str) -> None:
    text = f"image,patient,vision,{heading}\n2020-01-02/a.png,7,0.8,V2\n2020-01-02/b.png,7,1.0,\n"
    names = ("2020-01-02/a.png", "2020-01-02/b.png")
    found = label_images(files(*names), write_table(tmp_path, text))
    assert [image.visit for image in found.images] == ["V2", "2020-01-02"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("D:\\study\\AMD\\1.png", "AMD/1.png"),
        ("file:///mnt/x/AMD/scan%202.png", "AMD/scan 2.png"),
        ("amd/1.TIF", "AMD/1.png"),
        ("AMD/3.png", None),
        ("x/1.png", None),
    ],
)
def test_a_path_of_elsewhere_brings_the_one_that_may_be_meant(
    tmp_path: Path, written: str, meant: str | None
) -> None:
    table = write_table(tmp_path, f"image,label\n{written},CNV\n")
    with pytest.raises(InvalidImageSet, match="names one of the images") as error:
        label_images(files("AMD/1.png", "AMD/scan 2.png", "DME/1.png"), table)
    assert str(error.value).endswith(f"mean {meant}?") is (meant is not None)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\n\n", "the file is empty"),
        (b"image,label\n", "has no row below its heading"),
        (b'[{"image": "a.png"}]', "it is JSON, not a CSV file"),
        (b"<table><tr><td>image</td></tr></table>", "it is a web page or XML"),
        ("image,label\na.png,正常\n".encode("shift-jis"), "encoded in no way that is known"),
        (b'image,label\na.png,CNV\nb.png,"DME\nc.png,GA\nd.png,GA\n', "row 3: a quote that begins there"),
        (b"image,label,patient\na.png,CNV,1\na.png,CNV,2\n", "row 3, column 'patient': row 2"),
    ],
)
def test_a_table_is_refused_for_its_true_reason(tmp_path: Path, data: bytes, message: str) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(data)
    with pytest.raises(InvalidImageSet, match=message):
        label_images(files("a.png", "b.png", "c.png", "d.png"), str(table))
