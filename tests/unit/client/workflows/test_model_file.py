"""model.npz: a run as a file, which tells damage, versions and strangers apart."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest
from known import known
from octcluster.model.errors import InvalidArguments
from octcluster.outputs.run.model import format_model
from octcluster.workflows.model_file import read_model, write_model
from outcomes import CLASSES, fit, make_outcome

STARTED = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
Change = Callable[[dict[str, bytes]], object]


@pytest.fixture(scope="module")
def content() -> bytes:
    return known(format_model(fit(make_outcome()), STARTED))


def read(tmp_path: Path, content: bytes) -> Any:
    file = tmp_path / "model.npz"
    file.write_bytes(content)
    return read_model(file)


def forge(content: bytes, change: Change, compression: int = ZIP_STORED) -> bytes:
    """The file with other members, and a digest that is right."""
    with ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    stream = io.BytesIO()
    with ZipFile(stream, "w", compression) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
        archive.comment = b"sha256:" + b"0" * 64
    body = stream.getvalue()[:-64]
    return body + sha256(body).hexdigest().encode()


def describe(**changes: object) -> Change:
    def change(members: dict[str, bytes]) -> None:
        members["model.json"] = json.dumps(json.loads(members["model.json"]) | changes).encode()

    return change


def test_it_says_all_that_new_images_need(tmp_path: Path, content: bytes) -> None:
    outcome = fit(make_outcome())
    model = read(tmp_path, content)
    assert (model.run_id, model.recipe, model.seed) == ("0f" * 16, "plain-1", 7)
    assert model.space == outcome.space
    assert model.class_sizes == dict.fromkeys(CLASSES, 20)
    assert list(model.cluster_sizes) == list(outcome.chosen.cluster_sizes)
    assert model.class_of_cluster == dict(enumerate(CLASSES))
    assert model.started == "2026-05-04T03:02:01Z"
    assert model.digest == sha256(content).hexdigest()
    with ZipFile(io.BytesIO(model.fitted)) as fitted, ZipFile(io.BytesIO(known(outcome.fitted))) as given:
        assert fitted.namelist() == given.namelist()
        assert all(fitted.read(name) == given.read(name) for name in given.namelist())
    assert write_model(model) == content


def test_it_names_no_image_and_no_patient(content: bytes) -> None:
    outcome = make_outcome()
    assert b"secret" not in content  # in each path, name and patient of the made-up run
    assert not any(key in content or key.hex().encode() in content for key in outcome.assignments.image_keys)


def test_any_change_of_a_byte_and_any_cut_is_noticed(tmp_path: Path, content: bytes) -> None:
    cuts = [content[:length] for length in (0, 1, 70, len(content) - 65, len(content) - 1)]
    for position in range(0, len(content), 41):
        damaged = bytearray(content)
        damaged[position] ^= 1
        cuts.append(bytes(damaged))
    for damaged_content in cuts:
        with pytest.raises(InvalidArguments, match=r"is no model\.npz|is damaged"):
            read(tmp_path, damaged_content)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (describe(version=2, versions={"octcluster": "9.9"}), r"has format 2, .* reads format 1.*\(9\.9\)"),
        (describe(format="other"), "does not hold what"),
        (describe(space={"model": "x"}), "does not hold what"),
        (describe(space=[]), "does not hold what"),
        (describe(clusters=[{"cluster": 1, "images": 3, "class": None}]), "does not hold what"),
        (describe(classes=7), "does not hold what"),
        (lambda members: members.pop("model.json"), "does not hold what"),
        (lambda members: members.update({"model.json": b"[" * 100_000}), "does not hold what"),
        (lambda members: members.update({"model.json": b"{}"}), "does not hold what"),
        (lambda members: members.update({"model.json": b" " * (5 << 20)}), "does not hold what"),
    ],
)
def test_a_file_of_another_kind_or_version_is_refused(
    tmp_path: Path, content: bytes, change: Change, said: str
) -> None:
    with pytest.raises(InvalidArguments, match=said):
        read(tmp_path, forge(content, change))


def test_compressed_members_are_not_unpacked(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidArguments, match="does not hold what"):
        read(tmp_path, forge(content, lambda members: None, ZIP_DEFLATED))


@pytest.mark.parametrize("stranger", [b"", b"no archive", b"PK\x03\x04 of another program"])
def test_files_of_other_programs_are_refused_with_the_cure(tmp_path: Path, stranger: bytes) -> None:
    with pytest.raises(InvalidArguments, match="octcluster run"):
        read(tmp_path, stranger)
