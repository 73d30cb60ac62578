"""The history of a result: what is kept, what is undone, and what a damaged file means."""

import errno
import itertools
import json
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_results import write_result
from octcluster.explorer.groups import Groups
from octcluster.explorer.result import Result, read_result
from octcluster.explorer.workspace import Workspace
from octcluster.model.errors import ActRefused, InvalidArguments, StateChanged
from octcluster.outputs.folder import HISTORY as FILE_NAME
from outcomes import make_outcome

WHO = "Dr. Example"
FIRST = next(row for row, cluster in enumerate(make_outcome().assignments.clusters) if cluster == 0)
ACTS: list[dict[str, Any]] = [
    {"kind": "name", "group": "c0", "name": "CNV"},
    {"kind": "note", "group": "c0", "note": "f\u00fcr Zo\u00eb"},
    {"kind": "merge", "groups": ["c0", "c1"]},
    {"kind": "split", "group": "c0", "parts": [[FIRST]]},
    {"kind": "move", "rows": [2, 3], "group": "new", "name": "other"},
    {"kind": "unusable", "rows": [5], "unusable": True},
    {"kind": "label", "rows": [6, 7], "label": "DME"},
]


@pytest.fixture
def result(tmp_path: Path) -> Result:
    return read_result(str(write_result(tmp_path / "run")))


def do(workspace: Workspace, *acts: Any) -> None:
    for act in acts:
        workspace.do(WHO, workspace.version, act)


def same(one: Groups, other: Groups) -> bool:
    columns = ("group_of", "unusable", "labels")
    return (
        one.groups == other.groups
        and one.label_values == other.label_values
        and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in columns)
    )


def reopen(workspace: Workspace) -> Workspace:
    workspace.close()
    return Workspace(workspace.result)


def test_every_act_is_undone_and_done_again_also_after_a_new_start(result: Result) -> None:
    workspace = Workspace(result)
    states = [workspace.groups]
    for act in ACTS:
        do(workspace, act)
        states.append(workspace.groups)
    assert all(not same(one, other) for one, other in itertools.pairwise(states))
    for state in reversed(states[:-1]):
        workspace = reopen(workspace)
        workspace.undo(WHO, workspace.version)
        assert same(workspace.groups, state)
    with pytest.raises(ActRefused, match="there is nothing to undo"):
        workspace.undo(WHO, workspace.version)
    for state in states[1:]:
        workspace = reopen(workspace)
        workspace.redo(WHO, workspace.version)
        assert same(workspace.groups, state)
    with pytest.raises(ActRefused, match="there is nothing to redo"):
        workspace.redo(WHO, workspace.version)
    workspace.close()
    lines = [json.loads(line) for line in (result.folder / FILE_NAME).read_text("utf-8").splitlines()]
    assert lines[0] == {
        "format": "octcluster-history", "version": 1, "result_id": result.result_id, "images": 80,
    }  # fmt: skip
    assert [line["number"] for line in lines[1:]] == list(range(1, 22))
    assert [line["kind"] for line in lines[1:]] == ["act"] * 7 + ["undo"] * 7 + ["redo"] * 7
    assert [line["act"]["kind"] for line in lines[1:8]] == [act["kind"] for act in ACTS]
    assert {line["who"] for line in lines[1:]} == {WHO}


def test_a_new_act_ends_what_can_be_redone(result: Result) -> None:
    workspace = Workspace(result)
    do(workspace, ACTS[0])
    workspace.undo(WHO, 1)
    do(workspace, ACTS[1])
    described = workspace.describe()
    assert (described["canUndo"], described["canRedo"], described["version"]) == (True, False, 3)
    history = described["history"]
    assert isinstance(history, list)
    assert [(line["text"], line["undone"]) for line in history] == [
        ("named cluster 0: CNV", True),
        ("undid: named cluster 0: CNV", False),
        ("wrote a note to cluster 0", False),
    ]
    workspace = reopen(workspace)
    assert workspace.groups.groups[0].name == ""
    workspace.close()


def test_the_run_is_not_changed_and_the_history_is_private(result: Result) -> None:
    before = {path.name: path.read_bytes() for path in result.folder.iterdir()}
    workspace = Workspace(result)
    do(workspace, *ACTS)
    workspace.close()
    after = {path.name: path.read_bytes() for path in result.folder.iterdir()}
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {FILE_NAME, "names.json"}
    assert stat.S_IMODE((result.folder / FILE_NAME).stat().st_mode) == 0o600


def test_who_only_looks_leaves_nothing(result: Result) -> None:
    before = sorted(path.name for path in result.folder.iterdir())
    Workspace(result).close()
    assert sorted(path.name for path in result.folder.iterdir()) == before


def test_a_second_explorer_is_refused_until_the_first_ends(result: Result) -> None:
    first = Workspace(result)
    with pytest.raises(InvalidArguments, match=r"another 'octcluster explore' works on .*: use its page"):
        Workspace(result)
    first.close()
    Workspace(result).close()


def test_a_folder_that_cannot_be_written_is_refused_with_the_cure(result: Result) -> None:
    (result.folder / FILE_NAME).mkdir()
    with pytest.raises(InvalidArguments, match=r"cannot write .*Is a directory.*: copy the result into a"):
        Workspace(result)


def test_an_act_needs_a_name_and_the_present_version(result: Result) -> None:
    workspace = Workspace(result)
    for who in (None, "", "  ", 7, "x" * 101, "a\x1b[0m", "\ud800"):
        with pytest.raises(ActRefused, match=r"type your name|type a shorter one|type another one"):
            workspace.do(who, 0, ACTS[0])
    do(workspace, ACTS[0])
    for version in (0, 2, None, "1"):
        with pytest.raises(StateChanged, match="look at the present ones"):
            workspace.do(WHO, version, ACTS[1])
        with pytest.raises(StateChanged):
            workspace.undo(WHO, version)
    with pytest.raises(StateChanged):
        workspace.pack_membership(0)
    assert workspace.version == 1
    workspace.close()


@pytest.mark.parametrize("kept", [1, 30, -1])
def test_a_torn_last_line_is_dropped_and_told(kept: int, result: Result) -> None:
    workspace = Workspace(result)
    do(workspace, ACTS[0])
    whole = (result.folder / FILE_NAME).read_bytes()
    do(workspace, ACTS[1])
    workspace.close()
    line = (result.folder / FILE_NAME).read_bytes()[len(whole) :]
    (result.folder / FILE_NAME).write_bytes(whole + line[:kept])
    workspace = Workspace(result)
    warnings = workspace.describe()["warnings"]
    assert isinstance(warnings, list)
    assert "the act that was being saved when the explorer ended is lost. Do it again." in warnings[0]
    assert (workspace.version, workspace.groups.groups[0].note) == (1, "")
    do(workspace, ACTS[1])
    workspace = reopen(workspace)
    assert (workspace.describe()["warnings"], workspace.groups.groups[0].note) == ([], "f\u00fcr Zo\u00eb")
    workspace.close()


def test_a_header_that_was_torn_is_written_again(result: Result) -> None:
    (result.folder / FILE_NAME).write_bytes(b'{"format":"octclus')
    workspace = Workspace(result)
    do(workspace, ACTS[0])
    workspace = reopen(workspace)
    assert workspace.groups.groups[0].name == "CNV"
    workspace.close()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"number":1,', b'"number":2,', "is damaged in line 2: put back a copy"),
        (b'"kind":"undo"', b'"kind":"redo"', "is damaged in line 4"),
        (b'"of":2', b'"of":1', "is damaged in line 4"),
        (b'"kind":"name"', b'"kind":"nam"', "is damaged in line 2"),
        (b'"c1"]', b'"c9"]', "does not fit its result: there is no group 'c9' now"),
        (b'"version":1', b'"version":2', "reads format 1: use the release that wrote it"),
        (b"octcluster-history", b"something", "is no history of octcluster"),
        (b'"images":80', b'"images":81', "is of another result than the other files: a later run has"),
        (b"{", b"", "is no history of octcluster"),
    ],
)
def test_a_damaged_history_is_refused_and_left(old: bytes, new: bytes, message: str, result: Result) -> None:
    workspace = Workspace(result)
    do(workspace, ACTS[0], ACTS[2])
    workspace.undo(WHO, 2)
    workspace.redo(WHO, 3)
    workspace.close()
    path = result.folder / FILE_NAME
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    for _ in range(2):  # a start that failed keeps no lock
        with pytest.raises(InvalidArguments, match=message):
            Workspace(result)
    assert path.read_bytes() == content.replace(old, new, 1)


def test_an_act_that_cannot_be_saved_changes_nothing(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(result)
    do(workspace, ACTS[0])
    content = (result.folder / FILE_NAME).read_bytes()

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space left"):
            do(workspace, ACTS[2])
    assert (result.folder / FILE_NAME).read_bytes() == content
    assert workspace.version == 1
    do(workspace, ACTS[2])
    assert workspace.version == 2
    workspace.close()


def test_acts_for_a_result_that_was_replaced_are_refused(result: Result) -> None:
    workspace = Workspace(result)
    do(workspace, ACTS[0])
    history = (result.folder / FILE_NAME).read_bytes()
    record = (result.folder / "run.json").read_text()
    (result.folder / "run.json").write_text(record.replace(result.result_id, "0" * len(result.result_id)))
    with pytest.raises(StateChanged, match=r"a later run has replaced this result, .*: end the explorer"):
        do(workspace, ACTS[1])
    with pytest.raises(StateChanged, match="a later run has replaced this result"):
        workspace.undo(WHO, 1)
    (result.folder / "run.json").write_text(record)
    (result.folder / FILE_NAME).rename(result.folder / "elsewhere.jsonl")
    with pytest.raises(StateChanged, match=r"history\.jsonl is not in the folder of the result any more"):
        do(workspace, ACTS[1])
    (result.folder / "elsewhere.jsonl").rename(result.folder / FILE_NAME)
    assert (result.folder / FILE_NAME).read_bytes() == history
    do(workspace, ACTS[1])
    workspace.close()


def test_what_was_undone_is_told_alike_after_a_new_start(result: Result) -> None:
    workspace = Workspace(result)
    do(workspace, *ACTS[:3])
    for step in ("undo", "undo", "redo", "undo"):
        getattr(workspace, step)(WHO, workspace.version)
    do(workspace, ACTS[6])
    told, groups = workspace.describe(), workspace.groups
    workspace = reopen(workspace)
    assert workspace.describe() == told
    assert same(workspace.groups, groups)
    assert "undid: wrote a note to CNV" in {line["text"] for line in told["history"]}  # type: ignore[attr-defined]
    workspace.close()
