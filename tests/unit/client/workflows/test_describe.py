"""What octcluster describe finds and leaves."""

import csv
import io
import json
import shutil
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from octcluster.cli.main import main
from octcluster.images.folder import find_images
from octcluster.model.progress import Silence
from octcluster.workflows.describe import describe_images
from octcluster.workflows.looks import HeaderCollector
from PIL import Image


def save(image: Image.Image, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def grey(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("L")


@pytest.fixture
def study_layout(oct_images: Path, tmp_path: Path) -> Path:
    """OCT2017's layout with one of each thing that can be wrong."""
    root = tmp_path / "OCT2017"
    sources = iter(sorted(oct_images.rglob("*.jpeg")))
    for split, label, patient, number in (
        ("train", "CNV", "11", 1),
        ("train", "CNV", "11", 2),
        ("train", "CNV", "12", 1),
        ("train", "DME", "13", 1),
        ("test", "CNV", "14", 1),
        ("test", "DME", "13", 2),  # a patient on both sides of the line
    ):
        path = root / split / label / f"{label}-{patient}-{number}.jpeg"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(next(sources), path)
    shutil.copyfile(root / "train/CNV/CNV-11-1.jpeg", root / "test/CNV/CNV-14-2.jpeg")
    save(grey(root / "train/DME/DME-13-1.jpeg"), root / "train/DME/DME-15-1.jpeg", quality=70)
    (root / "train/DME/DME-16-1.jpeg").write_bytes(b"")
    whole = (root / "train/CNV/CNV-12-1.jpeg").read_bytes()
    (root / "train/CNV/CNV-17-1.jpeg").write_bytes(whole[: len(whole) // 3])
    return root


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_describes_the_layout_of_the_study(study_layout: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["describe", str(study_layout), "--out", str(out), "--quiet"]) == 0
    found = json.loads((out / "describe.json").read_text())
    assert (found["images"], found["failed"], found["label_source"]) == (10, 2, "folder")
    assert found["splits"] == ["train", "test"]
    subsets = {(subset["split"], subset["class"]): subset for subset in found["subsets"]}
    assert subsets["train", "CNV"] == {
        "split": "train",
        "class": "CNV",
        "images": 4,
        "patients": 3,
        "failed": 1,
    }
    assert {key: subset["images"] for key, subset in subsets.items()} == {
        ("train", "CNV"): 4,
        ("train", "DME"): 3,
        ("test", "CNV"): 2,
        ("test", "DME"): 1,
    }
    assert found["patients"]["in_several_splits"] == 1
    assert found["duplicates"]["copies"] == found["duplicates"]["alike"] == 1
    assert [(row["image"], row["other_image"], row["kind"]) for row in rows(out / "duplicates.csv")] == [
        ("test/CNV/CNV-14-2.jpeg", "train/CNV/CNV-11-1.jpeg", "copy"),
        ("train/DME/DME-13-1.jpeg", "train/DME/DME-15-1.jpeg", "alike"),
    ]
    reasons = {row["image"]: row["reason"] for row in rows(out / "failures.csv")}
    assert reasons.keys() == {"train/CNV/CNV-17-1.jpeg", "train/DME/DME-16-1.jpeg"}
    patients = {row["patient"]: row for row in rows(out / "patients.csv")}
    assert patients["13"] == {"patient": "13", "images": "2", "classes": "DME", "splits": "test;train"}


def test_processes_find_what_threads_find(study_layout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_set = find_images(study_layout, "auto")
    by_threads = describe_images(image_set, Silence())
    monkeypatch.setattr("octcluster.workflows.describe._LEAST_FOR_PROCESSES", 1)
    by_processes = describe_images(image_set, Silence())
    assert len(by_processes.failures) == 2
    assert len(by_processes.copies) == len(by_processes.alike or ()) == 1
    assert replace(by_processes, stage_seconds={}) == replace(by_threads, stage_seconds={})


@pytest.fixture
def volumes(oct_images: Path, tmp_path: Path) -> Path:
    """A volume of four scans, the first of them once more as the last; one that was cut short; and a JPEG."""
    root = tmp_path / "volumes"
    images = [grey(path) for path in sorted(oct_images.rglob("*.jpeg"))[:3]]
    scans = [*images, images[0]]
    save(scans[0], root / "CNV" / "a.tif", save_all=True, append_images=scans[1:])
    whole = (root / "CNV" / "a.tif").read_bytes()
    (root / "CNV" / "b.tif").write_bytes(whole[: len(whole) // 2])
    save(images[1], root / "NORMAL" / "c.dcm", format="JPEG", quality=95)
    return root


@pytest.mark.heavy
def test_volumes_are_described_scan_by_scan(volumes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["describe", str(volumes), "--out", str(out), "--quiet", "--thumbnails", "--labels", "folder"]
    assert main(command) == 0
    names = [row["image"] for row in rows(out / "images.csv")]
    assert names == [*(f"CNV/a.tif#{number}" for number in range(1, 5)), "CNV/b.tif", "NORMAL/c.dcm"]
    assert [row["scan"] for row in rows(out / "images.csv")] == ["1", "2", "3", "4", "", ""]
    assert [row["image"] for row in rows(out / "failures.csv")] == ["CNV/b.tif"]
    assert {(row["image"], row["other_image"], row["kind"]) for row in rows(out / "duplicates.csv")} == {
        ("CNV/a.tif#1", "CNV/a.tif#4", "copy"),
        ("CNV/a.tif#2", "NORMAL/c.dcm", "alike"),
    }
    found = json.loads((out / "describe.json").read_text())["volumes"]
    assert (found["volumes"], found["scans"], found["files"]) == (1, 4, {"TIFF": 1})
    assert found["eyes"] == [{"eye": None, "volumes": 1}]
    page = (out / "describe.html").read_text()
    assert page.count('src="data:image/webp') == 5
    assert "1 volume with 4 B-scans" in page


@pytest.mark.heavy
def test_headers_of_volumes_need_no_pixels(volumes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["describe", str(volumes), "--out", str(out), "--quiet", "--headers-only", "--scans", "middle"]
    assert main(command) == 0
    by_name = {row["image"]: row for row in rows(out / "images.csv")}
    assert list(by_name) == ["CNV/a.tif#3", "CNV/b.tif", "NORMAL/c.dcm"]
    assert by_name["CNV/a.tif#3"]["format"] == "TIFF"
    assert by_name["NORMAL/c.dcm"]["format"] == "JPEG"
    assert int(by_name["CNV/a.tif#3"]["width"]) > 0


def test_headers_that_are_known_are_those_that_are_read(study_layout: Path) -> None:
    collector = HeaderCollector()
    image_set = find_images(study_layout, "auto", on_head=collector.take)
    known = describe_images(image_set, Silence(), pixels=False, headers=collector.found)
    read = describe_images(image_set, Silence(), pixels=False)
    assert len(collector.found) == len(image_set.images)
    assert "headers" not in known.stage_seconds
    assert replace(known, stage_seconds={}) == replace(read, stage_seconds={})


@pytest.mark.heavy
def test_processes_end_with_a_command_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import time\n"
        "from octcluster.workflows.looks import start_processes\n"
        "if __name__ == '__main__':\n"
        "    pool = start_processes(2)\n"
        "    pool.submit(print, 'at work', flush=True).result()\n"
        "    time.sleep(600)\n"
    )
    (tmp_path / "program.py").write_text(program)
    with subprocess.Popen([sys.executable, tmp_path / "program.py"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"at work\n"
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert len(children) >= 2
    assert psutil.wait_procs(children, timeout=30)[1] == []


def test_spread_is_that_of_the_images(study_layout: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["describe", str(study_layout), "--out", str(out), "--quiet", "--headers-only"]) == 0
    found = json.loads((out / "describe.json").read_text())
    table = rows(out / "images.csv")
    for measure in ("width", "height"):
        for spread in found[measure]:
            values = [int(row[measure]) for row in table if row["label"] == spread["class"] and row[measure]]
            assert spread["count"] == len(values)
            assert spread["mean"] == pytest.approx(statistics.mean(values))
            assert spread["standard_deviation"] == pytest.approx(statistics.stdev(values))
            assert (spread["minimum"], spread["maximum"]) == (min(values), max(values))
            assert spread["median"] == statistics.median(values)
    assert found["duplicates"]["alike"] is None
    assert "--headers-only" in found["duplicates"]["alike_reason"]
    assert found["failed"] == 1  # the header of the file that was cut short is whole


def test_classes_come_from_names_or_a_table(study_layout: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in study_layout.rglob("*.jpeg"):
        shutil.copyfile(path, flat / path.name)
    arguments = ["--quiet", "--headers-only"]
    assert main(["describe", str(flat), "--out", str(tmp_path / "a"), *arguments]) == 0
    by_name = json.loads((tmp_path / "a/describe.json").read_text())
    assert (by_name["label_source"], by_name["classes"], by_name["splits"]) == (
        "filename",
        ["CNV", "DME"],
        [],
    )
    table = tmp_path / "labels.csv"
    table.write_text("image,label\nCNV-11-1.jpeg,wet\nDME-13-1.jpeg,swollen\n")
    arguments += ["--labels", str(table)]
    assert main(["describe", str(flat), "--out", str(tmp_path / "b"), *arguments]) == 0
    subsets = json.loads((tmp_path / "b/describe.json").read_text())["subsets"]
    assert {subset["class"]: subset["images"] for subset in subsets} == {"swollen": 1, "wet": 1, None: 8}


def test_files_of_an_earlier_description_go(study_layout: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["describe", str(study_layout), "--out", str(out), "--quiet", "--strict"]) == 1
    assert (out / "failures.csv").exists()
    clean = tmp_path / "clean.txt"
    clean.write_text("OCT2017/train/CNV/CNV-11-1.jpeg\nOCT2017/train/CNV/CNV-12-1.jpeg\n")
    assert main(["describe", str(clean), "--out", str(out), "--quiet", "--strict", "--overwrite"]) == 0
    assert {path.name for path in out.iterdir()} >= {"describe.json", "images.csv", "patients.csv"}
    assert not (out / "failures.csv").exists()
    assert not (out / "duplicates.csv").exists()


def test_summary_and_page_name_nobody(study_layout: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-m", "octcluster", "describe", study_layout, "--out", out],
        capture_output=True,
        text=True,
        check=True,
    )
    page = (out / "describe.html").read_text()
    for text in (done.stdout, page):
        assert "There are 10 images in 2 classes and 2 splits, of 7 patients." in text
        assert "All 9 whose header can be read are JPEG" in text
        assert "1 patient of 7 has images in more than one split." in text
        assert "CNV-1" not in text
        assert str(study_layout) not in text
    assert "For research use only" in page


def test_page_names_images_where_that_is_asked_for(study_layout: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["describe", str(study_layout), "--out", str(out), "--quiet", "--identified"]) == 0
    page = (out / "describe.html").read_text()
    assert "CNV-11-1.jpeg" in page
    assert '<img src="data:image' not in page
    assert main(["describe", str(study_layout), "--out", str(out), "--quiet", "--thumbnails"]) == 0
    page = (out / "describe.html").read_text()
    assert page.count('<img src="data:image') == 8  # each usable image, for there are few
    assert "CNV-11-1.jpeg" not in page
    assert "treat it as you treat their scans" in page


def test_what_all_images_share_is_said_once_and_drawn_from_zero(tmp_path: Path) -> None:
    for label, width in (("CNV", 40), ("CNV", 50), ("DME", 60)):
        folder = tmp_path / "images" / label
        folder.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((width, 20), 50).save(folder / f"{label}-{width}-1.png")
    out = tmp_path / "out"
    assert main(["describe", str(tmp_path / "images"), "--out", str(out), "--quiet"]) == 0
    page = (out / "describe.html").read_text()
    assert "widths from 40 to 60 pixels and all with a height of 20 pixels" in page
    assert "CNV: all 20; DME: all 20." in page
    plots = json.loads(page.split('id="plots-data">')[1].split("</script>")[0])
    assert plots["height-plot"]["layout"]["yaxis"]["range"] == [0, 24]
    assert "range" not in plots["width-plot"]["layout"]["yaxis"]
