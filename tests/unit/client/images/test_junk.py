"""What is no scan by its name."""

from pathlib import Path

import pytest
from octcluster.images.folder import find_images
from octcluster.images.junk import is_junk


@pytest.mark.parametrize(
    "name",
    [
        *(
            "@eaDir",
            "#recycle",
            "#Snapshot",
            "@Recycle",
            ".@__thumb",
            "$RECYCLE.BIN",
            "$Recycle.Bin",
            "__MACOSX",
        ),
        *(
            ".Trash",
            ".Trash-1000",
            ".Trashes",
            "Thumbs",
            "lost+found",
            "System Volume Information",
            "_thumbs",
        ),
        *(".ipynb_checkpoints", "._CNV-1-1.jpeg", "thumbnails", ".thumbnails", ".DS_Store", ".snapshot"),
    ],
)
def test_what_systems_and_viewers_leave_is_junk(name: str) -> None:
    assert is_junk(name)


@pytest.mark.parametrize("name", ["CNV", "recycle study", "thumb-1.png", "OCT", "_", "#12", "@home"])
def test_other_names_are_not(name: str) -> None:
    assert not is_junk(name)


def test_junk_is_skipped_and_counted_without_names_of_hidden_files(tmp_path: Path) -> None:
    for name in (
        "CNV/a.png",
        "CNV/@eaDir/a.png/thumb.jpg",
        "#recycle/b.png",
        "DME/@eaDir/c.png",
        "DME/._Doe.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_images(tmp_path)
    assert [image.name for image in found.images] == ["CNV/a.png"]
    (note,) = [note for note in found.notes if note.kind == "junk"]
    assert "(#recycle: 1, @eaDir: 2, hidden: 1)" in note.text
    assert note.images == 4
