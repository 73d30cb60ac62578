"""Sentences on what folders and names stand for beside classes and patients."""

from collections import Counter
from collections.abc import Sequence

from octcluster.images.image_set import Scan
from octcluster.images.naming.folder_roles import FolderTree
from octcluster.images.naming.folder_tree import Place
from octcluster.images.naming.side_files import Side, side_of_file
from octcluster.images.notes import Note, count_images, join_names

_SHOWN = 3
_CLASSES_SHOWN = 12


def describe_folders(images: Sequence[Scan], finer: Sequence[str]) -> list[Note]:
    """What other folders were taken for."""
    notes = []
    for kind, values in (
        ("Splits", Counter(image.split for image in images)),
        ("Eyes", Counter(image.eye for image in images)),
        ("Devices", Counter(image.device for image in images)),
    ):
        del values[None]
        if values:
            shown = join_names(
                [f"{name}: {number:,}" for name, number in sorted(values.items())], _CLASSES_SHOWN
            )
            notes.append(Note(kind.lower(), f"{kind}: {shown}.", values.total()))
    visits = {image.visit for image in images} - {None}
    if visits:
        number = sum(image.visit is not None for image in images)
        notes.append(Note("visits", f"Visits: {len(visits):,}, known for {count_images(number)}.", number))
    if finer:
        notes.append(
            Note(
                "finer_classes",
                f"Folders below the classes name finer classes ({join_names(finer, _SHOWN)}). To compare "
                "with these, give their level, such as --labels folder:2.",
                len(images),
            )
        )
    return notes


def describe_side_files(images: Sequence[Scan], places: Sequence[Place]) -> list[Note]:
    """Images that are no B-scans, as the names of their folders or files say."""
    sides = [place.side or side_of_file(image.file_name) for image, place in zip(images, places, strict=True)]
    notes = []
    for side, what in (
        (Side.MASK, "masks, labels, segmentations or overlays"),
        (Side.PICTURE, "fundus photographs or other pictures of the retina from the front"),
    ):
        found = [image.name for image, other in zip(images, sides, strict=True) if other is side]
        if found:
            lie, have = ("lies", "has") if len(found) == 1 else ("lie", "have")
            text = (
                f"{count_images(len(found))} {lie} in folders of {what}, or {have} such a name. If they are "
                "no scans, move them out of IMAGES: they would make clusters of their own."
            )
            notes.append(Note(f"{side}s", text, len(found), found[:_SHOWN], to_mend=True))
    return notes


def describe_lone_class(tree: FolderTree, images: Sequence[Scan]) -> list[Note]:
    """Says that the folders tell a single finding, with which clusters cannot be compared."""
    if not tree.lone_finding or tree.open_levels or any(image.label for image in images):
        return []
    text = (
        f"No class is taken: folders name one finding alone ({tree.lone_finding}). If there are others whose "
        "names are not known, give the level of the classes, such as --labels folder:1."
    )
    return [Note("lone_class", text, len(images))]
