"""What is told of how names were read, and to whom."""

from pathlib import Path

from octcluster.images.image_set import ImageSet
from octcluster.images.notes import Note
from octcluster.outputs.wording.notes import record_notes, tell_faults, tell_notes
from octcluster.outputs.wording.words import show_note

NOTES = [
    Note("patients", "Patients: 2.", 9, ["Doe (Doe/a.png)", "Roe (Roe/b.png)"]),
    Note("masks", "9 images lie in\x1b[2J folders of masks.", 9, ["masks/Doe.png"], to_mend=True),
]
IMAGE_SET = ImageSet(Path(), [], "none", notes=NOTES)


def test_examples_are_for_the_person_who_started_the_command() -> None:
    assert show_note(NOTES[0]) == "Patients: 2. For example Doe (Doe/a.png), Roe (Roe/b.png)."
    assert show_note(Note("junk", "Skipped.", 1)) == "Skipped."


def test_records_and_pages_name_nobody() -> None:
    told = [*record_notes(IMAGE_SET), *tell_notes(IMAGE_SET), *tell_faults(IMAGE_SET)]
    assert len(told) == 4
    assert "Doe" not in str(told)


def test_faults_are_apart_and_safe_to_show() -> None:
    assert tell_notes(IMAGE_SET) == ["Patients: 2."]
    assert tell_faults(IMAGE_SET) == ["9 images lie in\N{REPLACEMENT CHARACTER}[2J folders of masks."]
