"""Images and patients of a run are recognized among new ones, or it is said that they cannot be."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from octcluster.images.image_set import Scan
from octcluster.images.keys import check_of_secret
from octcluster.outputs.run.files import write_run_files
from octcluster.workflows.outcome import RunOutcome
from octcluster.workflows.run_members import RunMembers, Seen, read_run_members
from outcomes import make_outcome

SECRET = b"of the site"


@pytest.fixture
def outcome() -> RunOutcome:
    return replace(make_outcome(), key_check=check_of_secret(SECRET))


@pytest.fixture
def folder(outcome: RunOutcome, tmp_path: Path) -> Path:
    write_run_files(outcome, tmp_path, {}, datetime.now(UTC))
    return tmp_path


def make_scan(patient: str | None) -> Scan:
    return Scan(Path(), "new.png", patient=patient)


def test_images_and_patients_of_the_run_are_told_from_new_ones(outcome: RunOutcome, folder: Path) -> None:
    members = read_run_members(folder, outcome.spec.run_id, SECRET)
    own_key = outcome.assignments.image_keys[3]
    scans = [make_scan("other"), make_scan("other"), make_scan("secret3"), make_scan(None)]
    keys = [own_key, bytes(32), bytes(32), bytes(32)]
    assert members.recognize(scans, keys) == [Seen.IMAGE, Seen.NO, Seen.PATIENT, Seen.NO]


def test_keys_of_another_secret_are_compared_with_none(outcome: RunOutcome, folder: Path) -> None:
    members = read_run_members(folder, outcome.spec.run_id, b"another")
    assert members.image_keys is None
    scans = [make_scan("secret3"), make_scan("other")]
    assert members.recognize(scans, [bytes(32)] * 2) == [Seen.PATIENT, Seen.UNKNOWN]


@pytest.mark.parametrize("content", [None, b"", b"PAR1 damaged PAR1"])
def test_a_folder_without_a_sound_table_tells_nothing(
    outcome: RunOutcome, folder: Path, content: bytes | None
) -> None:
    table = folder / "assignments.parquet"
    if content is None:
        table.unlink()
    else:
        table.write_bytes(content)
    members = read_run_members(folder, outcome.spec.run_id, SECRET)
    assert members == RunMembers()
    assert members.recognize([make_scan("secret3")], [bytes(32)]) == [Seen.UNKNOWN]


def test_the_table_of_another_run_tells_nothing(folder: Path) -> None:
    assert read_run_members(folder, "a" * 32, SECRET) == RunMembers()
