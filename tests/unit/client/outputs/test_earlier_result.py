"""An earlier result is replaced by another one only where that is asked for."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from octcluster.images.image_set import ImageSet, Scan
from octcluster.model.errors import InvalidArguments
from octcluster.outputs.earlier_result import IMAGES_DIGEST, add_images_digest, check_replaceable

GIVEN = {
    "command": "run", "images": "scans", "out": "result", "k": (4, 4), "seed": 0, "umap": True,
    "recipe": None, "embedder": None, "cache_dir": "/a", "quiet": False, "identified": False,
    "overwrite": False, IMAGES_DIGEST: "00",
}  # fmt: skip


def keep(folder: Path, arguments: object) -> Path:
    record = folder / "run.json"
    record.write_text(json.dumps({"arguments": arguments}))
    return record


def test_a_free_folder_and_the_same_job_again_are_fine(tmp_path: Path) -> None:
    check_replaceable(tmp_path / "run.json", GIVEN)
    check_replaceable(keep(tmp_path, GIVEN), GIVEN)


@pytest.mark.parametrize(
    "change",
    [
        {"images": "/elsewhere/scans"},
        {"embedder": "gpu:50051", "embedder_token_file": "token", "clusterer": "gpu:50052"},
        {"quiet": True, "identified": True, "overwrite": True, "cache_dir": "/b", "strict": True},
        {"new_option": None},
    ],
)
def test_what_changes_no_result_is_fine(tmp_path: Path, change: dict[str, object]) -> None:
    check_replaceable(keep(tmp_path, GIVEN), GIVEN | change)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"k": (2, 5)}, r"with other options \(-k\)"),
        ({"seed": 1, "umap": False}, r"with other options \(--seed, --umap\)"),
        ({IMAGES_DIGEST: "11"}, "of other images: name another folder"),
        ({IMAGES_DIGEST: "11", "recipe": "plain-1"}, r"of other images and with other options \(--recipe\)"),
        ({"per_class": 10}, r"\(--per-class\)"),
    ],
)
def test_another_result_is_kept(tmp_path: Path, change: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidArguments, match=told) as caught:
        check_replaceable(keep(tmp_path, GIVEN), GIVEN | change)
    assert "--overwrite" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"arguments": 3}', b'{"arguments": {}}', b"\xff"])
def test_a_record_that_cannot_be_read_is_kept(tmp_path: Path, content: bytes) -> None:
    record = tmp_path / "run.json"
    record.write_bytes(content)
    with pytest.raises(InvalidArguments, match="--overwrite"):
        check_replaceable(record, GIVEN)


def test_images_are_others_by_name_and_by_what_is_known_of_them() -> None:
    scans = [Scan(Path("/a"), "0.png", "CNV", "1"), Scan(Path("/a"), "1.png", "DME", "2")]
    image_set = ImageSet(Path("/a"), scans, "folder")

    def digest(*images: Scan) -> object:
        return add_images_digest({}, replace(image_set, images=images))[IMAGES_DIGEST]

    first, second = scans
    assert digest(first, second) == digest(replace(first, root=Path("/b")), second)
    others = [
        digest(first),
        digest(first, replace(second, name="2.png")),
        digest(first, replace(second, label="CNV")),
        digest(first, replace(second, patient=None)),
        digest(first, replace(second, eye="OD")),
    ]
    assert len({digest(first, second), *others}) == 1 + len(others)
