"""The groups of a result as acts have made them: a state, and what each act makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from octcluster.explorer.acts import (
    NEW,
    Act,
    LabelImages,
    MarkUnusable,
    MergeGroups,
    MoveImages,
    NameGroup,
    NoteGroup,
    PropagateLabels,
    SplitGroup,
)
from octcluster.explorer.result import UNKNOWN
from octcluster.model.errors import ActRefused
from octcluster.outputs.wording.words import NOISE, count, name_cluster

NOISE_GROUP = "noise"
"""Id of the group of images that are in no cluster."""


@dataclass(frozen=True)
class Group:
    """A group.

    Attributes:
        id: ``c0`` for the run's cluster 0, ``noise``, or ``g1`` for the first that was made.
        name: What a person calls it; empty if it has no name.
        note: What a person has noted.
        cluster: The run's cluster that it was; None: it was made.
    """

    id: str
    name: str = ""
    note: str = ""
    cluster: int | None = None

    @property
    def shown(self) -> str:
        """What it is called."""
        if self.name:
            return self.name
        return self.id if self.cluster is None else name_cluster(self.cluster)


@dataclass(frozen=True)
class Groups:
    """All groups, and what is known of each image by hand. A state is never changed: an act makes another.

    Attributes:
        groups: All groups that ever were, in the order in which they were made.
        group_of: int32, shape (n_images,): position of each image's group.
        unusable: bool, shape (n_images,).
        label_values: Labels of images, each once, in the order in which they came.
        labels: int32, shape (n_images,): position of each image's label; -1 none.
        propagated: bool, shape (n_images,): whether the label was not given by hand, but spread from others.
    """

    groups: tuple[Group, ...]
    group_of: NDArray[np.int32]
    unusable: NDArray[np.bool_]
    label_values: tuple[str, ...]
    labels: NDArray[np.int32]
    propagated: NDArray[np.bool_]

    @classmethod
    def of_clusters(cls, clusters: NDArray[np.int32]) -> "Groups":
        """The groups before any act: the run's clusters."""
        found = [int(cluster) for cluster in np.unique(clusters)]
        found.sort(key=lambda cluster: (cluster == NOISE, cluster))
        groups = [
            Group(NOISE_GROUP if cluster == NOISE else f"c{cluster}", cluster=cluster) for cluster in found
        ]
        position_of = {cluster: position for position, cluster in enumerate(found)}
        group_of = np.array([position_of[cluster] for cluster in clusters.tolist()], dtype=np.int32)
        return cls(
            tuple(groups),
            group_of,
            np.zeros(len(clusters), dtype=np.bool_),
            (),
            np.full(len(clusters), UNKNOWN, dtype=np.int32),
            np.zeros(len(clusters), dtype=np.bool_),
        )

    def sizes(self) -> list[int]:
        """Number of images of each group."""
        found: list[int] = np.bincount(self.group_of, minlength=len(self.groups)).tolist()
        return found

    def find(self, group: str, *, empty: bool = False) -> int:
        """Position of a group that holds images.

        Args:
            group: Its id.
            empty: Whether it may also be one whose images have all gone elsewhere.

        Raises:
            ActRefused: There is none of this id.
        """
        sizes = self.sizes()
        for position, other in enumerate(self.groups):
            if other.id == group and (empty or sizes[position]):
                return position
        ids = ", ".join(other.id for position, other in enumerate(self.groups) if sizes[position])
        raise ActRefused(f"there is no group '{group}' now: take one of {ids}")

    def check_rows(self, rows: Sequence[int]) -> NDArray[np.int64]:
        """Rows as an array, each once.

        Raises:
            ActRefused: One of them is no image.
        """
        found = np.unique(np.asarray(rows, dtype=np.int64))
        if len(found) and found[-1] >= len(self.group_of):
            raise ActRefused(
                f"there is no row {found[-1]}: rows go from 0 to {len(self.group_of) - 1}; load the page "
                "again"
            )
        return found


def perform(state: Groups, act: Act) -> tuple[Groups, str]:
    """Does an act.

    Args:
        state: The groups before it.
        act: The act.

    Returns:
        The groups after it, and what was done, in words.

    Raises:
        ActRefused: It cannot be done; the message says why.
    """
    return _perform(act, state)


@singledispatch
def _perform(act: Act, state: Groups) -> tuple[Groups, str]:
    raise AssertionError(f"nothing does {act}")


@_perform.register
def _name(act: NameGroup, state: Groups) -> tuple[Groups, str]:
    position = state.find(act.group)
    named = replace(state.groups[position], name=act.name)
    return _with(state, position, named), f"named {state.groups[position].shown}: {act.name}"


@_perform.register
def _note(act: NoteGroup, state: Groups) -> tuple[Groups, str]:
    position = state.find(act.group)
    verb = "wrote a note to" if act.note else "removed the note of"
    noted = replace(state.groups[position], note=act.note)
    return _with(state, position, noted), f"{verb} {state.groups[position].shown}"


@_perform.register
def _merge(act: MergeGroups, state: Groups) -> tuple[Groups, str]:
    positions = list(dict.fromkeys(map(state.find, act.groups)))
    if len(positions) < 2:
        raise ActRefused("a group cannot be merged with itself: choose two groups or more")
    first = positions[0]
    notes = [state.groups[position].note for position in positions if state.groups[position].note]
    group_of = state.group_of.copy()
    group_of[np.isin(group_of, positions)] = first
    name = act.name or state.groups[first].name
    merged = _with(state, first, replace(state.groups[first], name=name, note="\n".join(notes)))
    names = [state.groups[position].shown for position in positions]
    text = f"merged {', '.join(names[1:])} into {names[0]}" + (f" as {act.name}" if act.name else "")
    return replace(merged, group_of=group_of), text


@_perform.register
def _split(act: SplitGroup, state: Groups) -> tuple[Groups, str]:
    position = state.find(act.group)
    shown = state.groups[position].shown
    if act.names is not None and len(act.names) != len(act.parts):
        raise ActRefused("a split needs one name for each part: give as many names as parts, or none")
    parts = [state.check_rows(rows) for rows in act.parts]
    joined = np.concatenate(parts)
    if len(np.unique(joined)) < len(joined):
        raise ActRefused("an image lies in two parts of the split: put each image into one part")
    if (state.group_of[joined] != position).any():
        raise ActRefused(f"some images of the split are not in {shown}: choose images of that group alone")
    if len(parts) == 1 and len(joined) == np.count_nonzero(state.group_of == position):
        raise ActRefused(f"the part is the whole of {shown}: choose some of its images")
    group_of = state.group_of.copy()
    groups = list(state.groups)
    for number, rows in enumerate(parts):
        name = act.names[number] if act.names else f"{shown}, part {number + 1}"
        group_of[rows] = len(groups)
        groups.append(Group(_next_id(groups), name))
    text = f"split {count(len(joined), 'image')} off {shown} as {count(len(parts), 'new group')}"
    return replace(state, groups=tuple(groups), group_of=group_of), text


@_perform.register
def _move(act: MoveImages, state: Groups) -> tuple[Groups, str]:
    rows = state.check_rows(act.rows)
    groups = list(state.groups)
    if act.group == NEW:
        if act.name is None:
            raise ActRefused("a new group needs a name: type one")
        position = len(groups)
        groups.append(Group(_next_id(groups), act.name))
    elif act.name is not None:
        raise ActRefused("the images go to a group that has its own name: leave the name out")
    else:
        position = state.find(act.group, empty=True)
    group_of = state.group_of.copy()
    group_of[rows] = position
    text = f"moved {count(len(rows), 'image')} to {groups[position].shown}"
    return replace(state, groups=tuple(groups), group_of=group_of), text


@_perform.register
def _mark(act: MarkUnusable, state: Groups) -> tuple[Groups, str]:
    rows = state.check_rows(act.rows)
    unusable = state.unusable.copy()
    unusable[rows] = act.unusable
    text = f"marked {count(len(rows), 'image')} as {'unusable' if act.unusable else 'usable'}"
    return replace(state, unusable=unusable), text


@_perform.register
def _label(act: LabelImages, state: Groups) -> tuple[Groups, str]:
    rows = state.check_rows(act.rows)
    if act.label is None:
        text = f"removed the labels of {count(len(rows), 'image')}"
        return _labelled(state, rows, np.full(len(rows), UNKNOWN), ()), text
    text = f"labelled {count(len(rows), 'image')} {act.label}"
    return _labelled(state, rows, np.zeros(len(rows), dtype=np.int64), (act.label,)), text


@_perform.register
def _propagate(act: PropagateLabels, state: Groups) -> tuple[Groups, str]:
    rows = np.asarray(act.rows, dtype=np.int64)
    codes = np.asarray(act.labels, dtype=np.int64)
    if len(state.check_rows(act.rows)) != len(codes) or (len(codes) and codes.max() >= len(act.values)):
        raise ActRefused("the labels to propagate do not fit their rows: propagate again")
    text = f"propagated labels to {count(len(rows), 'image')}"
    if act.certainty:
        text += f" with a certainty of {act.certainty:g} or more"
    earlier = np.flatnonzero(state.propagated)
    kept = _labelled(state, earlier, np.full(len(earlier), UNKNOWN), ())
    labelled = _labelled(kept, rows, codes, act.values)
    propagated = labelled.propagated.copy()
    propagated[rows] = True
    return replace(labelled, propagated=propagated), text


def _labelled(
    state: Groups, rows: NDArray[np.int64], codes: NDArray[np.int64], values: Sequence[str]
) -> Groups:
    """Gives rows labels, which are positions in these values."""
    known = list(dict.fromkeys((*state.label_values, *values)))
    code_of = np.array([*(known.index(value) for value in values), UNKNOWN], dtype=np.int32)
    labels = state.labels.copy()
    labels[rows] = code_of[codes]
    propagated = state.propagated.copy()
    propagated[rows] = False
    return replace(state, label_values=tuple(known), labels=labels, propagated=propagated)


def _with(state: Groups, position: int, group: Group) -> Groups:
    groups = list(state.groups)
    groups[position] = group
    return replace(state, groups=tuple(groups))


def _next_id(groups: Sequence[Group]) -> str:
    return f"g{1 + sum(group.cluster is None for group in groups)}"
