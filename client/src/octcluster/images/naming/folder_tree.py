"""The folders that hold images, before and while they get their meaning."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from octcluster.images.naming.dates import looks_like_day
from octcluster.images.naming.folder_names import FolderName, Role, eye_of, read_folder_name
from octcluster.images.naming.patients import PatientName
from octcluster.images.naming.side_files import Side
from octcluster.images.readers.reader import Eye

MOST = 0.8
_GLUED_EYE = re.compile(r"(?P<code>[^\W\d_]*[-_ ]?\d+)(?P<eye>[rRlL])")


@dataclass(slots=True)
class Place:
    """What the folders above an image say of it.

    Attributes:
        label: Name of its class as written.
        patient: Its patient.
        split: Name of its split.
        eye: ``OD`` or ``OS``.
        visit: Name of the visit, mostly a day.
        device: Name of the device.
        side: What lies in this folder instead of scans.
    """

    label: str | None = None
    patient: PatientName | None = None
    split: str | None = None
    eye: Eye | None = None
    visit: str | None = None
    device: str | None = None
    side: Side | None = None


@dataclass(slots=True)
class Branch:
    """One folder that holds images.

    Attributes:
        path: Its path below IMAGES.
        parts: The names in its path.
        names: What each name says by itself.
        images: Number of images in it, without its subfolders.
        place: What is known of these images.
        levels: Positions of the names that make levels, and have no other meaning yet.
        class_index: Position of the name that was taken for the class.
    """

    path: str
    parts: tuple[str, ...]
    names: list[FolderName]
    images: int
    place: Place = field(default_factory=Place)
    levels: list[int] = field(default_factory=list)
    class_index: int | None = None


def read_branch(path: str, images: int) -> Branch:
    """Reads one folder's path."""
    parts = tuple(part for part in path.split("/") if part)
    return Branch(path, parts, [read_folder_name(part) for part in parts], images)


def find_days(branches: Sequence[Branch]) -> None:
    """Turns numbers into visits, if nearly all of their length that lie as deep are days or years."""
    numbers: dict[tuple[int, int], set[str]] = {}
    for branch in branches:
        for depth, name in enumerate(branch.names):
            if name.role is Role.NUMBER:
                numbers.setdefault((depth, len(name.value)), set()).add(name.value)
    days = {kind for kind, found in numbers.items() if sum(map(looks_like_day, found)) >= MOST * len(found)}
    for branch in branches:
        branch.names = [
            name._replace(role=Role.VISIT)
            if name.role is Role.NUMBER and (depth, len(name.value)) in days
            else name
            for depth, name in enumerate(branch.names)
        ]


def find_glued_eyes(branches: Sequence[Branch]) -> None:
    """Cuts eyes off codes that end with R or L, if some differ in that letter alone: 101R, 101L, 102R."""
    codes = {
        match[0]: match
        for branch in branches
        for name in branch.names
        if name.role is Role.CODE and (match := _GLUED_EYE.fullmatch(name.name))
    }
    both = {match["code"] for match in codes.values() if match["eye"] in "rR"} & {
        match["code"] for match in codes.values() if match["eye"] in "lL"
    }
    if not both:
        return
    for branch in branches:
        for position, name in enumerate(branch.names):
            if match := codes.get(name.name):
                branch.names[position] = read_folder_name(match["code"])._replace(
                    eye=eye_of(match["eye"].casefold())
                )


def names_of_level(branches: Iterable[Branch], level: int) -> dict[str, FolderName]:
    """What the different names of a level say, by name."""
    return {
        branch.parts[index]: branch.names[index]
        for branch in branches
        if level < len(branch.levels)
        for index in (branch.levels[level],)
    }


def count_levels(branches: Iterable[Branch]) -> int:
    """The largest number of levels."""
    return max((len(branch.levels) for branch in branches), default=0)
