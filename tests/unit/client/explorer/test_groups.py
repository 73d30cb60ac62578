"""What each act makes of the groups, and what is refused."""

import re
from typing import Any

import numpy as np
import pytest
from octcluster.explorer.acts import KINDS, Act, parse_act
from octcluster.explorer.groups import Groups, perform
from octcluster.model.errors import ActRefused

CLUSTERS = np.array([2, 0, 0, 1, -1, 1, 2, 2], dtype=np.int32)


def act(kind: str, **fields: Any) -> Act:
    return parse_act({"kind": kind, **fields})


def do(*acts: Act) -> tuple[Groups, str]:
    """The groups after some acts, and what the last one says of itself."""
    state, text = Groups.of_clusters(CLUSTERS), ""
    for one in acts:
        state, text = perform(state, one)
    return state, text


def members(state: Groups) -> dict[str, list[int]]:
    """The rows of each group that has any."""
    found = {
        group.id: np.flatnonzero(state.group_of == position).tolist()
        for position, group in enumerate(state.groups)
    }
    return {group: rows for group, rows in found.items() if rows}


def test_clusters_are_the_first_groups_and_noise_is_the_last() -> None:
    state, _ = do()
    assert members(state) == {"c0": [1, 2], "c1": [3, 5], "c2": [0, 6, 7], "noise": [4]}
    assert [group.shown for group in state.groups] == ["cluster 0", "cluster 1", "cluster 2", "noise"]


def test_groups_get_names_and_notes() -> None:
    state, text = do(act("name", group="c1", name="  drusen "), act("note", group="c1", note="small"))
    assert (state.groups[1].name, state.groups[1].note) == ("drusen", "small")
    assert text == "wrote a note to drusen"
    _, text = do(act("name", group="noise", name="CNV"))
    assert text == "named noise: CNV"


def test_merged_groups_keep_the_first_ones_name_and_all_notes() -> None:
    noted = [act("note", group="c0", note="one"), act("note", group="c2", note="two")]
    state, text = do(*noted, act("name", group="c0", name="CNV"), act("merge", groups=["c0", "c2"]))
    assert members(state) == {"c0": [0, 1, 2, 6, 7], "c1": [3, 5], "noise": [4]}
    assert (state.groups[0].name, state.groups[0].note) == ("CNV", "one\ntwo")
    assert text == "merged cluster 2 into CNV"
    state, _ = do(act("merge", groups=["c1", "noise"], name="both"))
    assert state.groups[1].shown == "both"


def test_parts_of_a_split_are_new_groups_and_the_rest_stays() -> None:
    state, text = do(act("split", group="c2", parts=[[7], [0]], names=["wet", "dry"]))
    assert members(state) == {"c0": [1, 2], "c1": [3, 5], "c2": [6], "noise": [4], "g1": [7], "g2": [0]}
    assert [group.name for group in state.groups[-2:]] == ["wet", "dry"]
    assert text == "split 2 images off cluster 2 as 2 new groups"
    state, _ = do(act("split", group="c2", parts=[[0], [6, 7]]))
    assert [group.shown for group in state.groups[-2:]] == ["cluster 2, part 1", "cluster 2, part 2"]
    assert "c2" not in members(state)


def test_images_move_to_a_group_or_to_a_new_one() -> None:
    state, text = do(act("move", rows=[4, 0, 4], group="c0"))
    assert members(state)["c0"] == [0, 1, 2, 4]
    assert text == "moved 2 images to cluster 0"
    state, _ = do(act("move", rows=[4], group="c0"), act("move", rows=[7], group="noise"))
    assert members(state)["noise"] == [7]
    state, _ = do(act("move", rows=[3], group="new", name="macular hole"))
    assert (members(state)["g1"], state.groups[-1].name) == ([3], "macular hole")


def test_images_are_marked_and_labelled() -> None:
    state, _ = do(act("unusable", rows=[1, 2], unusable=True), act("unusable", rows=[2], unusable=False))
    assert np.flatnonzero(state.unusable).tolist() == [1]
    labels = [act("label", rows=[0, 1], label="b"), act("label", rows=[1], label="a")]
    state, _ = do(*labels, act("label", rows=[5], label="b"), act("label", rows=[0], label=None))
    assert (state.label_values, state.labels.tolist()) == (("b", "a"), [-1, 1, -1, -1, -1, 0, -1, -1])
    state, _ = do(*labels, act("propagate", rows=[7, 6], labels=[1, 0], values=["c", "a"]))
    assert (state.label_values, state.labels[6:].tolist()) == (("b", "a", "c"), [2, 1])


def test_an_act_leaves_the_state_before_it_as_it_was() -> None:
    before, _ = do()
    for one in [
        act("move", rows=[0], group="c0"),
        act("merge", groups=["c0", "c1"]),
        act("unusable", rows=[0], unusable=True),
        act("label", rows=[0], label="x"),
        act("name", group="c0", name="x"),
    ]:
        perform(before, one)
    after, _ = do()
    assert before.groups == after.groups
    for column in ("group_of", "unusable", "labels"):
        np.testing.assert_array_equal(getattr(before, column), getattr(after, column))


def test_surer_labels_take_the_place_of_all_that_were_spread_before() -> None:
    label = act("label", rows=[0], label="a")
    spread = act("propagate", rows=[1, 2], labels=[0, 0], values=["a"])
    by_hand = act("label", rows=[1], label="a")
    surer = act("propagate", rows=[3], labels=[0], values=["a"], certainty=0.9)
    state, text = do(label, spread, by_hand, surer)
    assert text == "propagated labels to 1 image with a certainty of 0.9 or more"
    assert np.flatnonzero(state.labels >= 0).tolist() == [0, 1, 3]
    assert np.flatnonzero(state.propagated).tolist() == [3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"kind": "name", "group": "c7", "name": "x"}, "no group 'c7' now: take one of c0, c1, c2, noise"),
        ({"kind": "merge", "groups": ["c0", "c0"]}, "a group cannot be merged with itself"),
        ({"kind": "split", "group": "c0", "parts": [[1], [1]]}, "an image lies in two parts"),
        ({"kind": "split", "group": "c0", "parts": [[3]]}, "some images of the split are not in cluster 0"),
        ({"kind": "split", "group": "c0", "parts": [[1, 2]]}, "the part is the whole of cluster 0"),
        ({"kind": "split", "group": "c2", "parts": [[0]], "names": ["a", "b"]}, "one name for each part"),
        ({"kind": "move", "rows": [1], "group": "new"}, "a new group needs a name"),
        ({"kind": "move", "rows": [1], "group": "c1", "name": "x"}, "leave the name out"),
        ({"kind": "move", "rows": [8], "group": "c1"}, "there is no row 8: rows go from 0 to 7"),
        ({"kind": "propagate", "rows": [1], "labels": [2], "values": ["a"]}, "do not fit their rows"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_groups_is_refused(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ActRefused, match=re.escape(message)):
        do(parse_act(content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, f"is no act: give an object whose kind is one of {', '.join(KINDS)}"),
        ({"kind": "delete"}, "is no act"),
        ({"kind": "name", "group": "c0", "name": " "}, "name: string should have at least 1 character"),
        ({"kind": "name", "group": "c0", "name": "x" * 201}, "name: string should have at most 200"),
        ({"kind": "name", "group": "c0"}, "name: field required"),
        ({"kind": "move", "rows": [], "group": "c0"}, "rows: list should have at least 1 item"),
        ({"kind": "move", "rows": [-1], "group": "c0"}, "rows.0: input should be greater than or equal to 0"),
        ({"kind": "move", "rows": ["1"], "group": "c0"}, "rows.0: input should be a valid integer"),
        ({"kind": "move", "rows": [True], "group": "c0"}, "rows.0: input should be a valid integer"),
        ({"kind": "move", "rows": [1 << 40], "group": "c0"}, "rows.0: input should be less than 2147483648"),
        ({"kind": "name", "group": "c0", "name": "a\nb"}, "name: it has more than one line"),
        ({"kind": "name", "group": "c0", "name": "a\x00"}, "name: it has characters that cannot be shown"),
        ({"kind": "note", "group": "c0", "note": "", "more": 1}, "more: extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_what_is_no_act_is_refused_with_its_field(content: object, message: str) -> None:
    with pytest.raises(ActRefused, match=re.escape(message)):
        parse_act(content)
