"""``octcluster describe`` on volumes of devices: what is shown, and that names in headers are not."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import vendor_files
from bioptigen_files import bioptigen_bytes, random_frames
from e2e_files import Volume, e2e_bytes
from octcluster.cli.main import main
from topcon_files import facts, random_scans, raw_chunk, topcon_bytes

pytestmark = pytest.mark.heavy
PLANTED = b"PLANTED"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of volumes, each with a name, an id or a birth in its header."""
    folder = tmp_path / "volumes"
    shutil.copytree(vendor_files.HEYEX, folder / "export")
    (folder / "export" / vendor_files.DUMMY_VOL.name).unlink()
    xml = folder / "export" / vendor_files.DUMMY_XML.name
    xml.write_bytes(xml.read_bytes().replace(b"Doe", PLANTED).replace(b"2910271", PLANTED))
    vol = bytearray(vendor_files.vol_bytes(vendor_files.random_volume((3, 40, 50)), patient="Study-7"))
    vol[104:111] = vol[176:183] = vol[224:231] = PLANTED
    (folder / "a.vol").write_bytes(vol)
    (folder / "cut.vol").write_bytes(vol[:-100])
    (folder / "damaged.vol").write_bytes(vol[:1000])
    stored = np.random.default_rng(0).integers(50 << 10, 63 << 10, (3, 40, 50), dtype=np.uint16)
    (folder / "b.e2e").write_bytes(e2e_bytes([Volume(stored), Volume(stored, "L")], patient="Study-8"))
    topcon = facts(patient="Study-9") | {"IMG_SCAN_03": raw_chunk(random_scans(np.uint16))}
    (folder / "c.fds").write_bytes(topcon_bytes(topcon, "FDS"))
    (folder / "d.OCT").write_bytes(bioptigen_bytes(random_frames()))
    (folder / "disk.img").write_bytes(PLANTED * 100)
    return folder


def test_names_ids_and_births_of_headers_are_in_no_output(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert sum(PLANTED in file.read_bytes() for file in folder.rglob("*") if file.is_file()) == 8
    out = tmp_path / "out"
    assert main(["describe", str(folder), "--out", str(out), "--identified"]) == 0
    told = [
        *(file.read_bytes() for file in out.rglob("*") if file.is_file()),
        *map(str.encode, capfd.readouterr()),
    ]
    births = (b"1980-01-01", b"19800101", b"1950-05-05")
    assert not [word for word in (PLANTED, *births) for text in told if word in text]
    # The ids of patients are facts: they are shown where patients are.
    assert b"Study-8" in (out / "images.csv").read_bytes()


def test_damage_is_told_with_the_cure(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["describe", str(folder), "--out", str(out), "--headers-only"]) == 0
    captured = " ".join("".join(capfd.readouterr()).split())
    assert "1 of 3 B-scans are missing or damaged: copy or export the volume again (1 file)" in captured
    failures = (out / "failures.csv").read_text()
    assert (
        'damaged.vol,"the file is cut short, or its header is damaged: copy it again from its source"'
        in failures
    )
    assert 'disk.img,"the format has no header' in failures
    assert json.loads((out / "describe.json").read_text())
