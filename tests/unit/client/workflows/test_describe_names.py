"""What ``octcluster describe`` tells of folders and names, and whom it does not name."""

import csv
import json
from pathlib import Path

import pytest
from octcluster.cli.main import main
from PIL import Image

PEOPLE = ("Doe_Anna", "Roe_Ben", "Poe_Cleo")


def draw(folder: Path, *names: str) -> Path:
    for shade, name in enumerate(names):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.radial_gradient("L").point(lambda grey, add=shade: (grey + 3 * add) % 256).save(file)
    return folder


def read_rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_people_are_no_classes_and_only_the_terminal_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = draw(tmp_path / "scans", *(f"{person}/OD/{i}.png" for person in PEOPLE for i in range(3)))
    out = tmp_path / "out"
    assert main(["describe", str(images), "--out", str(out)]) == 0
    record = json.loads((out / "describe.json").read_text())
    (note,) = [note for note in record["notes"] if note["kind"] == "open_folders"]
    assert (record["classes"], record["label_source"]) == ([], "none")
    assert note["to_mend"]
    assert note["images"] == 9
    assert {row["eye"] for row in read_rows(out / "images.csv")} == {"OD"}
    page = (out / "describe.html").read_text()
    assert "say --labels folder:1" in page
    assert not any(person in page or person in str(record["notes"]) for person in PEOPLE)
    told = "".join(" ".join(capsys.readouterr()).split())
    assert "Doe_Anna" in told
    assert "--labelsfolder:1" in told


def test_a_table_that_describe_wrote_is_read_back_whatever_names_begin_with(tmp_path: Path) -> None:
    names = [f"{label}/{name}.png" for label in ("=1+1", "@AMD", "-DME", "CNV") for name in ("+a", "b")]
    images = draw(tmp_path / "scans", *names)
    first, second = tmp_path / "first", tmp_path / "second"
    arguments = ["describe", str(images), "--quiet", "--headers-only"]
    assert main([*arguments, "--out", str(first), "--labels", "folder:1"]) == 0
    written = read_rows(first / "images.csv")
    assert [row["label"] for row in written] == ["'-DME"] * 2 + ["'=1+1"] * 2 + ["'@AMD"] * 2 + ["CNV"] * 2
    assert main([*arguments, "--out", str(second), "--labels", str(first / "images.csv")]) == 0
    assert read_rows(second / "images.csv") == written
    record = json.loads((second / "describe.json").read_text())
    assert record["classes"] == ["-DME", "=1+1", "@AMD", "CNV"]
    assert record["label_source"] == "csv"


def test_rows_of_a_table_that_name_no_image_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = draw(tmp_path / "scans", "a.png", "b.png")
    table = tmp_path / "labels.csv"
    table.write_text("image,label\na.png,CNV\nb.png,DME\nc.png,DME\n\nTotal,3\n")
    arguments = ["describe", str(images), "--out", str(tmp_path / "out"), "--headers-only"]
    assert main([*arguments, "--labels", str(table)]) == 0
    sentence = "2 rows of the table of labels name no image here, the first of them row 4"
    assert sentence in " ".join(" ".join(capsys.readouterr()).split())
    assert sentence in (tmp_path / "out" / "describe.html").read_text()
