"""Members as they come in: what is kept of each chunk, and what is refused."""

import numpy as np
import pytest
from known import known
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import Algorithm, Members, Preparation, RunSpec, VectorSpace
from octcluster_clusterer.runs.execution import find_fingerprint
from octcluster_clusterer.serving.member_columns import MemberColumns, count_bytes

KEYS = [bytes([number]) * 32 for number in range(4)]


def test_chunks_become_columns() -> None:
    columns = MemberColumns()
    columns.add(KEYS[:2], [0, -1], [], [("width", [512.0, float("nan")]), ("height", [1, 2])])
    columns.add(KEYS[2:], [], [5, 5], [("height", [3, 4]), ("width", [768, 1536])])
    assert len(columns) == 4
    members = columns.finish()
    assert members.image_keys.tobytes() == b"".join(KEYS)
    assert known(members.class_indices).tolist() == [0, -1, -1, -1]
    assert known(members.patient_indices).tolist() == [-1, -1, 5, 5]
    assert set(members.number_columns) == {"width", "height"}
    np.testing.assert_array_equal(members.number_columns["width"], [512, np.nan, 768, 1536])
    np.testing.assert_array_equal(members.number_columns["height"], [1, 2, 3, 4])


def test_an_index_that_comes_late_is_unknown_before() -> None:
    columns = MemberColumns()
    columns.add(KEYS[:2], [], [], [])
    columns.add(KEYS[2:3], [], [], [])
    columns.add(KEYS[3:], [7], [], [])
    members = columns.finish()
    assert known(members.class_indices).tolist() == [-1, -1, -1, 7]
    assert members.patient_indices is None


def test_a_chunk_counts_with_all_its_columns() -> None:
    assert count_bytes(KEYS, [], [], []) == 4 * 32
    assert count_bytes(KEYS, [0] * 4, [-1] * 4, [("width", [1.0] * 4)] * 2, [0] * 4) == 4 * (32 + 5 * 4)


def test_what_is_known_of_no_member_is_none() -> None:
    columns = MemberColumns()
    columns.add(KEYS, [-1] * 4, [], [])
    members = columns.finish()
    assert members.class_indices is None
    assert members.patient_indices is None
    assert members.number_columns == {}


@pytest.mark.parametrize(
    ("classes", "patients", "numbers", "message"),
    [
        ([0], [], [], "1 class_indices for 2 image keys"),
        ([], [0, -2], [], "patient_indices must be 0 or more, or -1"),
        ([], [], [("width", [1.0])], "1 values in number column width for 2 image keys"),
        ([], [], [("width", [1.0, float("inf")])], "holds infinity"),
        ([], [], [("width", [1.0, -float("inf")])], "holds infinity"),
        ([], [], [("Width", [1.0, 2.0])], "lower-case"),
        ([], [], [("", [1.0, 2.0])], "lower-case"),
        ([], [], [("a" * 65, [1.0, 2.0])], "lower-case"),
        ([], [], [("patient", [1.0, 2.0])], "neither class nor patient"),
        ([], [], [("width", [1.0, 2.0])] * 2, "occurs once"),
        ([], [], [(f"c{i}", [1.0, 2.0]) for i in range(33)], "at most 32"),
    ],
)
def test_columns_that_break_a_rule_are_refused(
    classes: list[int], patients: list[int], numbers: list[tuple[str, list[float]]], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        MemberColumns().add(KEYS[:2], classes, patients, numbers)


@pytest.mark.parametrize("second", [[], [("height", [1.0])], [("width", [1.0]), ("height", [1.0])]])
def test_every_chunk_has_the_same_number_columns(second: list[tuple[str, list[float]]]) -> None:
    columns = MemberColumns()
    columns.add(KEYS[:1], [], [], [("width", [1.0])])
    with pytest.raises(InvalidRequest, match="the same number_columns"):
        columns.add(KEYS[1:2], [], [], second)


def test_the_fingerprint_covers_all_that_is_known() -> None:
    spec = RunSpec("0" * 32, VectorSpace(bytes(32), 8), Preparation(), [Algorithm.KMEANS], 2, 2, 0)
    keys, zeros = np.zeros((3, 32), dtype=np.uint8), np.zeros(3, dtype=np.int32)
    runs = [
        Members(keys, None),
        Members(keys, zeros),
        Members(keys, None, zeros),
        Members(keys, None, zeros + 1),
        Members(keys, zeros, zeros),
        Members(keys, None, None, {"width": zeros.astype(np.float32)}),
        Members(keys, None, None, {"height": zeros.astype(np.float32)}),
        Members(keys, None, None, {"width": zeros.astype(np.float32) + 1}),
    ]
    assert len({find_fingerprint(spec, members) for members in runs}) == len(runs)
