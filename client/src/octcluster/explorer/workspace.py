"""What a person works on: a result, its history, and the groups that come of it."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from octcluster.explorer.acts import Act, parse_act
from octcluster.explorer.exports import count_origins, write_names
from octcluster.explorer.groups import Groups, perform
from octcluster.explorer.history import Entry, HistoryFile, Kind, list_effective, now
from octcluster.explorer.result import Result, read_result_id
from octcluster.model.errors import ActRefused, InvalidArguments, StateChanged
from octcluster.outputs.folder import HISTORY
from octcluster.workflows.cluster_names import FILE_NAME as NAMES

MAX_WHO_CHARACTERS = 100
_HISTORY_SHOWN = 200


class Workspace:
    """The groups of a result, which acts change, one at a time.

    Args:
        result: The result.

    Raises:
        InvalidArguments: Its history cannot be used; see HistoryFile.
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        self._lock = threading.Lock()
        self._history = HistoryFile(result.folder, result.result_id, len(result.names))
        self._first = self._groups = Groups.of_clusters(result.clusters)
        self._texts: dict[int, str] = {}
        self._unsaved = ""
        try:
            self._groups = self._replay()
        except ActRefused as error:
            self._history.close()
            raise InvalidArguments(
                f"{self._history.path} does not fit its result: {error}. Put back a copy of it that does, or "
                "move it away to begin anew"
            ) from error

    @property
    def version(self) -> int:
        """Number of the state: that of lines in the history."""
        return len(self._history.entries)

    @property
    def groups(self) -> Groups:
        """The groups now."""
        return self._groups

    def read(self) -> tuple[int, Groups]:
        """The groups now, with their version."""
        with self._lock:
            return self.version, self._groups

    def check_place(self) -> Groups:
        """The groups now; raises StateChanged if the folder has another result or history by now."""
        with self._lock:
            self._check_place()
            return self._groups

    def close(self) -> None:
        """Lets another explorer work on the result."""
        self._history.close()

    def do(self, who: object, version: object, make_act: Any) -> None:
        """Does an act.

        Args:
            who: The name that the person has typed.
            version: The version that the person saw.
            make_act: The act as JSON values, or a function that makes it of the groups.

        Raises:
            ActRefused: It cannot be done.
            StateChanged: The version is not the present one, or the folder has another result by now.
            OSError: It cannot be saved; nothing is changed.
        """
        name = _check_who(who)
        with self._lock:
            self._check_place()
            self._check_version(version)
            act: Act = make_act(self._groups) if callable(make_act) else parse_act(make_act)
            groups, text = perform(self._groups, act)
            entry = self._append(name, "act", act=act)
            self._texts[entry.number] = text
            self._done.append(entry)
            self._undone.clear()
            self._take(groups)

    def undo(self, who: object, version: object) -> None:
        """Undoes the last act that holds; raises what ``do`` raises."""
        self._step(who, version, "undo", lambda: self._done)

    def redo(self, who: object, version: object) -> None:
        """Does the last act again that was undone; raises what ``do`` raises."""
        self._step(who, version, "redo", lambda: self._undone)

    def describe(self) -> dict[str, object]:
        """The state as JSON values."""
        with self._lock:
            return self._describe()

    def pack_membership(self, version: int) -> bytes:
        """Group, usability and label of each image, as the page takes them.

        Raises:
            StateChanged: The version is not the present one.
        """
        with self._lock:
            self._check_version(version)
            groups = self._groups
        listed = np.cumsum(np.array(groups.sizes()) > 0) - 1
        position = listed[groups.group_of].astype("<i4")
        flags = groups.unusable.astype("u1") | groups.propagated.astype("u1") << 1
        pieces = (position.tobytes(), flags.tobytes(), groups.labels.astype("<i4").tobytes())
        return b"".join(pieces)

    def _step(self, who: object, version: object, kind: Kind, find: Callable[[], list[Entry]]) -> None:
        name = _check_who(who)
        with self._lock:
            self._check_place()
            self._check_version(version)
            acts = find()
            if not acts:
                raise ActRefused(f"there is nothing to {kind}: do an act first")
            self._append(name, kind, of=acts[-1].number)
            self._take(self._replay())

    def _append(self, who: str, kind: Kind, act: Act | None = None, of: int | None = None) -> Entry:
        entry = Entry(self.version + 1, now(), who, kind, act, of)
        self._history.append(entry)
        return entry

    def _take(self, groups: Groups) -> None:
        """Has these groups be the present ones, and tells their names to other commands."""
        self._groups = groups
        try:
            write_names(self.result, groups)
        except OSError as error:
            self._unsaved = (
                f"{NAMES} could not be written ({error.strerror}): other commands do not know the names yet. "
                "Free space; the next act writes it again."
            )
        else:
            self._unsaved = ""

    def _replay(self) -> Groups:
        """Makes the groups anew of all entries, one after the other: this also tells what was undone."""
        entries = self._history.entries
        self._done, self._undone = list_effective(entries)
        acts = {entry.number: entry.act for entry in entries}
        to_undo = {entry.of for entry in entries if entry.kind == "undo"}
        before: dict[int, Groups] = {}  # of acts that will be undone
        groups = self._first
        for entry in entries:
            number = entry.of or entry.number
            act = acts[number]
            if entry.kind == "undo":
                groups = before.pop(number)
            elif act is not None:
                if number in to_undo:
                    before[number] = groups
                groups, self._texts[number] = perform(groups, act)
        return groups

    def _check_place(self) -> None:
        """Raises StateChanged if the folder has another result or another history by now."""
        if read_result_id(self.result.folder) != self.result.result_id:
            raise StateChanged(
                "a later run has replaced this result, so nothing was changed: end the explorer, and start "
                "it again with the result as it is now"
            )
        if not self._history.is_there():
            raise StateChanged(
                f"{HISTORY} is not in the folder of the result any more, so nothing was changed: put it "
                "back, or end the explorer and start it again"
            )

    def _check_version(self, version: object) -> None:
        if version != self.version:
            raise StateChanged(
                "the groups have changed since this page loaded them: look at the present ones, then do it "
                "again"
            )

    def _describe(self) -> dict[str, object]:
        groups = self._groups
        listed = [
            {
                "id": group.id,
                "name": group.shown,
                "named": bool(group.name),
                "note": group.note,
                "images": size,
                "cluster": group.cluster,
            }
            for group, size in zip(groups.groups, groups.sizes(), strict=True)
            if size
        ]
        return {
            "version": self.version,
            "groups": listed,
            "unusable": int(groups.unusable.sum()),
            "labels": int((groups.labels >= 0).sum()),
            "propagated": int(groups.propagated.sum()),
            "origins": count_origins(groups),
            "labelValues": list(groups.label_values),
            "canUndo": bool(self._done),
            "canRedo": bool(self._undone),
            "undoText": self._text(self._done[-1]) if self._done else "",
            "redoText": self._text(self._undone[-1]) if self._undone else "",
            "history": self._list_history(),
            "warnings": [*self._history.warnings, *filter(None, [self._unsaved])],
        }

    def _list_history(self) -> list[dict[str, object]]:
        done = {entry.number for entry in self._done}
        return [
            {
                "number": entry.number,
                "when": entry.time,
                "who": entry.who,
                "text": self._text(entry),
                "undone": entry.kind == "act" and entry.number not in done,
            }
            for entry in self._history.entries[-_HISTORY_SHOWN:]
        ]

    def _text(self, entry: Entry) -> str:
        if entry.kind == "act":
            return self._texts.get(entry.number, f"{entry.act.kind if entry.act else 'act'}")
        verb = "undid" if entry.kind == "undo" else "redid"
        return f"{verb}: {self._texts.get(entry.of or 0, f'act {entry.of}')}"


def _check_who(who: object) -> str:
    if not isinstance(who, str) or not who.strip():
        raise ActRefused("the history needs to know who did this: type your name")
    if len(who) > MAX_WHO_CHARACTERS:
        raise ActRefused(f"the name is longer than {MAX_WHO_CHARACTERS} characters: type a shorter one")
    if not who.strip().isprintable():
        raise ActRefused("the name has characters that cannot be shown: type another one")
    return who.strip()
