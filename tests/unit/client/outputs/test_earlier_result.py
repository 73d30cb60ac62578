"""An earlier result is replaced by another one only where that is asked for."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from octcluster.explorer.acts import parse_act
from octcluster.explorer.history import Entry, HistoryFile
from octcluster.images.image_set import ImageSet, Scan
from octcluster.model.errors import InvalidArguments
from octcluster.model.recipes import PLAIN_1
from octcluster.outputs.earlier_result import REQUEST, check_replaceable, request, request_run
from octcluster.workflows.run import RunOptions

SCANS = [Scan(Path("/a"), "0.png", "CNV", "1"), Scan(Path("/a"), "1.png", "DME", "2")]
IMAGES = ImageSet(Path("/a"), SCANS, "folder")
OPTIONS = RunOptions()
NAME = {"kind": "name", "group": "c0", "name": "CNV"}


def keep(folder: Path, asked: object) -> Path:
    record = folder / "run.json"
    record.write_text(json.dumps({"arguments": {"images": "scans", REQUEST: asked}}))
    return record


def test_a_free_folder_and_the_same_job_again_are_fine(tmp_path: Path) -> None:
    asked = request_run(OPTIONS, IMAGES)
    check_replaceable(tmp_path / "run.json", asked)
    check_replaceable(keep(tmp_path, asked), asked)


@pytest.mark.parametrize(
    "change",
    [
        {"embedder": "gpu:50051", "clusterer": "gpu:50052", "clusterer_token": "secret"},
        {"cache_dir": Path("/b"), "renew_cache": True},
        {"recipe": OPTIONS.chosen_recipe},
    ],
)
def test_what_changes_no_result_is_fine(tmp_path: Path, change: dict[str, Any]) -> None:
    record = keep(tmp_path, request_run(OPTIONS, IMAGES))
    moved = replace(IMAGES, root=Path("/b"), images=[replace(scan, root=Path("/b")) for scan in SCANS])
    check_replaceable(record, request_run(replace(OPTIONS, **change), moved))


@pytest.mark.parametrize(
    ("change", "images", "told"),
    [
        ({"max_clusters": 5}, SCANS, r"with other options \(k\)"),
        ({"seed": 1, "umap": False}, SCANS, r"with other options \(seed, umap\)"),
        ({}, SCANS[:1], "of other images: name another folder"),
        ({"recipe": PLAIN_1}, SCANS[:1], r"of other images and with other options \(recipe\)"),
    ],
)
def test_another_result_is_kept(
    tmp_path: Path, change: dict[str, Any], images: list[Scan], told: str
) -> None:
    record = keep(tmp_path, request_run(OPTIONS, IMAGES))
    with pytest.raises(InvalidArguments, match=told) as caught:
        check_replaceable(record, request_run(replace(OPTIONS, **change), replace(IMAGES, images=images)))
    assert "--overwrite, in Python overwrite=True" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"arguments": 3}', b'{"arguments": {}}', b"\xff"])
def test_a_record_that_does_not_tell_is_kept(tmp_path: Path, content: bytes) -> None:
    record = tmp_path / "run.json"
    record.write_bytes(content)
    with pytest.raises(InvalidArguments, match="does not tell of which images and options it is"):
        check_replaceable(record, request_run(OPTIONS, IMAGES))


def test_images_are_others_by_name_by_content_and_by_what_is_known_of_them() -> None:
    first, second = SCANS

    def ask(*images: Scan, content: str = "") -> str:
        return json.dumps(request({}, replace(IMAGES, images=images), content))

    others = [
        ask(first),
        ask(first, second, content="1"),
        ask(first, second, content="2"),
        ask(first, replace(second, name="2.png")),
        ask(first, replace(second, label="CNV")),
        ask(first, replace(second, patient=None)),
        ask(first, replace(second, eye="OD")),
    ]
    assert len({ask(first, second), *others}) == 1 + len(others)


def test_a_request_holds_no_secret() -> None:
    secrets = RunOptions(embedder="a:1", embedder_token="token", key_secret=b"secret")
    told = json.dumps(request_run(secrets, IMAGES))
    assert "token" not in told
    assert "secret" not in told


def test_what_a_person_did_is_not_overwritten_but_by_the_same_clusters(tmp_path: Path) -> None:
    record = keep(tmp_path, request_run(OPTIONS, IMAGES))
    other = request_run(replace(OPTIONS, seed=1), IMAGES)
    alike = request_run(replace(OPTIONS, umap=False, stability_resamples=0), IMAGES)
    check_replaceable(record, other, overwrite=True)
    (tmp_path / "history.jsonl").touch()  # of an explorer that is open, and in which nothing was done
    check_replaceable(record, other, overwrite=True)
    with contextlib.closing(HistoryFile(tmp_path, "id", 2)) as history:
        with pytest.raises(InvalidArguments, match=r"an 'octcluster explore' works on .*: end it first"):
            check_replaceable(record, other, overwrite=True)
        for number, who in enumerate(("Ada", "Zo\u00eb", "Ada"), start=1):
            history.append(Entry(number, "now", who, "act", parse_act(NAME)))
    check_replaceable(record, alike, overwrite=True)
    with pytest.raises(
        InvalidArguments, match=r"holds 3 acts of Ada, Zo\u00eb on its groups .*, or move history\.jsonl away"
    ):
        check_replaceable(record, other, overwrite=True)
