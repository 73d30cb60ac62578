"""Names, ids and dates beside the pixels, in headers, texts and file names, stay on the client's machine."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import vendor_files
from dicom_files import make_frames, write_opt
from PIL import Image, PngImagePlugin
from processes import Server, running_service
from redis import Redis
from stores import Store

NAME, BIRTH, IDENTIFIER = "Planted", "19420317", "ID7734102"
CARRIER = "Zebulon"  # in names of files and folders


def write_images(folder: Path) -> Path:
    """Ten scans of a DICOM file, ten of a VOL file and eight PNGs, all with planted words."""
    volume = make_frames(10, 64, 64)
    changes = {
        0x00080050: ("SH", f"{NAME}-{IDENTIFIER}"),
        0x00080090: ("PN", f"{NAME}^Referrer"),
        0x00100010: ("PN", f"{NAME}^Eye"),
        0x00100020: ("LO", IDENTIFIER),
        0x00100030: ("DA", BIRTH),
        0x00104000: ("LT", f"{NAME} {BIRTH}"),
    }
    write_opt(folder / CARRIER / f"{CARRIER}-volume", volume, changes=changes)
    (folder / CARRIER / "a.vol").write_bytes(
        vendor_files.vol_bytes(vendor_files.random_volume((10, 64, 64)), patient=IDENTIFIER)
    )
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Patient", f"{NAME} {IDENTIFIER} {BIRTH}")
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 255, (64, 64), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{CARRIER} {number}.png", pnginfo=texts)
    return folder


def read_store(url: str) -> bytes:
    """Everything that the store holds, keys included."""
    found = []
    with Redis.from_url(url) as redis:
        for key in redis.scan_iter():
            read = {
                b"string": redis.get,
                b"hash": redis.hgetall,
                b"list": lambda key: redis.lrange(key, 0, -1),
                b"set": redis.smembers,
                b"zset": lambda key: redis.zrange(key, 0, -1),
            }[redis.type(key)]
            found.append(repr((key, read(key))))
    return "".join(found).encode()


def test_planted_words_reach_no_server_and_no_page(
    model_cache: Path, clusterer: Server, store: Store, tmp_path: Path
) -> None:
    images, out = write_images(tmp_path / "images"), tmp_path / "out"
    with running_service(
        "octcluster_embedder", "--cache-dir", str(model_cache), "--models", "pixels", "--log-level", "debug"
    ) as embedder:
        command = [Path(sys.executable).with_name("octcluster"), "run", images, "--out", out]
        command += ["--embedder", embedder.address, "--clusterer", clusterer.address, "--model", "pixels"]
        command += ["-k", "2", "--identified", "--no-umap", "--stability", "0"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        command = [command[0], "assign", out / "model.npz", images, "--out", tmp_path / "new"]
        command += ["--embedder", embedder.address, "--clusterer", clusterer.address]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        seen = {"embedder's log": embedder.log, "clusterer's log": clusterer.log}
    stored = read_store(store.url)
    assert len(stored) > 28 * 22_500, "the vectors are there"
    for where, text in {**seen, "store": stored.decode()}.items():
        for word in (NAME, BIRTH, IDENTIFIER, CARRIER):
            assert word.lower() not in text.lower(), f"{word} in the {where}"
    for file in out.iterdir():
        data = file.read_bytes()
        assert NAME.encode() not in data, file.name
        assert BIRTH.encode() not in data, file.name
    for file in (out / "model.npz", tmp_path / "new" / "report.html"):
        data = file.read_bytes()
        for word in (NAME, BIRTH, IDENTIFIER, CARRIER):
            assert word.encode() not in data, f"{word} in {file.name}"
    # What was asked for: patients by their ids, in the table.
    assert IDENTIFIER in (out / "assignments.csv").read_text()
