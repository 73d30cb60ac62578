"""The file of a fitted result: equal after a round trip, refused with the cure if anything is wrong."""

import io
import json
from collections.abc import Callable
from dataclasses import fields, replace
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
import pytest
from octcluster_clusterer.assignment import fitted_file
from octcluster_clusterer.assignment.assign import ClusterRule, FittedResult
from octcluster_clusterer.assignment.fitted_file import read_fitted, write_fitted
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.preparation.fitted import FittedPart, FittedPreparation

MEANS = "part0.means.npy"
Members = dict[str, bytes]


def make_fitted() -> FittedResult:
    """Two parts, the second without PCA and with a constant dimension; three clusters."""
    random = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    parts = [
        FittedPart(random.standard_normal(6), np.ones(6), draw(6, 2), draw(2), draw(2, 2)),
        FittedPart(random.standard_normal(3), np.array([1, np.inf, 2.0]), None, draw(3)),
    ]
    quantiles = np.sort(random.random((3, 100)), axis=1)
    rule = ClusterRule(draw(3, 5), draw(5, 3), random.standard_normal(3), quantiles, 0.75)
    return FittedResult(VectorSpace(b"\x07" * 32, 9), FittedPreparation(True, parts, 1.5), rule)


def take_apart(content: bytes) -> Members:
    with ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def put_together(members: Members, compression: int = ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def as_array(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=True)
    return stream.getvalue()


def change_header(members: Members, **changes: object) -> Members:
    header = json.loads(members["fitted.json"]) | changes
    return {**members, "fitted.json": json.dumps(header).encode()}


def test_it_comes_back_as_it_was_and_equal_results_are_equal_files() -> None:
    fitted = make_fitted()
    content = write_fitted(fitted)
    assert content == write_fitted(make_fitted())
    read = read_fitted(content)
    assert (read.space, read.rule.fitted_agreement) == (fitted.space, 0.75)
    vectors = np.random.default_rng(1).standard_normal((50, 9)).astype(np.float32)
    for name, values in vars(fitted.assign(vectors)).items():
        np.testing.assert_array_equal(vars(read.assign(vectors))[name], values)
    assert write_fitted(read) == content


def test_no_field_of_what_is_fitted_is_left_out_of_the_file() -> None:
    """Fails if a field was added that the file does not hold: new images would be placed without it."""
    assert {field.name for field in fields(FittedPart)} == set(fitted_file._PART_TYPES)
    assert {field.name for field in fields(ClusterRule)} == {*fitted_file._RULE_TYPES, "fitted_agreement"}
    assert {field.name for field in fields(FittedPreparation)} == {"l2_normalize", "parts", "prepared_length"}
    assert {field.name for field in fields(FittedResult)} == {"space", "preparation", "rule"}


def test_any_numpy_reads_it_without_pickle() -> None:
    with np.load(io.BytesIO(write_fitted(make_fitted())), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["rule.means"], make_fitted().rule.means)


def test_a_file_that_is_cut_or_overwritten_is_refused_and_never_crashes() -> None:
    content = write_fitted(make_fitted())
    for length in range(0, len(content), 97):
        with pytest.raises(InvalidRequest, match="copy the file once more"):
            read_fitted(content[:length])
    random = np.random.default_rng(0)
    expected = write_fitted(read_fitted(content))
    for _ in range(300):
        damaged = bytearray(content)
        at = int(random.integers(len(content)))
        damaged[at] ^= int(random.integers(1, 256))
        try:
            read = read_fitted(bytes(damaged))
        except InvalidRequest:
            continue
        assert write_fitted(read) == expected  # it was in what says nothing, such as a member's date


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: {}, "no fitted.json"),
        (lambda m: change_header(m, format="other"), "not that of a fitted run"),
        (lambda m: change_header(m, version=2), "has format 2, this clusterer reads format 1: use"),
        (lambda m: change_header(m, version=2, news=1), "has format 2, this clusterer reads format 1: use"),
        (lambda m: change_header(m, news=1), "does not say what it should"),
        (lambda m: {**m, "fitted.json": b"[" * 60_000}, "does not say what it should"),
        (lambda m: {**m, "fitted.json": b" " * 70_000}, "no fitted.json"),
        (lambda m: change_header(m, space_digest="07"), "no digest"),
        (lambda m: change_header(m, space_digest="xy" * 32), "no digest"),
        (lambda m: change_header(m, dimension=10), "another dimension than its space"),
        (lambda m: change_header(m, parts=[]), "no parts"),
        (lambda m: change_header(m, parts=[["means"]]), "other arrays than it should"),
        (lambda m: change_header(m, parts=[["means", "divisors", "factors", "eval"]]), "other arrays"),
        (lambda m: change_header(m, prepared_length=0), "prepared length"),
        (lambda m: change_header(m, fitted_agreement=2), "no share"),
        (lambda m: {name: m[name] for name in m if name != MEANS}, "an array is missing"),
        (lambda m: {**m, "more.npy": as_array(np.zeros(3))}, "does not belong"),
        (lambda m: {**m, MEANS: b"\x93NUMPY"}, "cannot be read"),
        (lambda m: {**m, MEANS: as_array(np.zeros(6, np.float32))}, "another type"),
        (lambda m: {**m, MEANS: as_array(np.zeros(6, ">f8"))}, "another type"),
        (lambda m: {**m, MEANS: as_array(np.array([{}] * 6))}, "another type"),
        (lambda m: {**m, MEANS: as_array(np.zeros((6, 1)))}, "shapes of its arrays"),
        (lambda m: {**m, MEANS: as_array(np.array(0.0))}, "shapes of its arrays"),
        (lambda m: {**m, MEANS: as_array(np.zeros(7))}, "shapes of its arrays"),
        (lambda m: {**m, MEANS: as_array(np.full(6, np.nan))}, "no finite number"),
        (lambda m: {**m, "part0.divisors.npy": as_array(np.zeros(6))}, "divisor"),
        (lambda m: {**m, "part0.divisors.npy": as_array(np.full(6, np.nan))}, "divisor"),
        (lambda m: {**m, "rule.biases.npy": as_array(np.array([0, 0, np.inf]))}, "no finite number"),
        (lambda m: {**m, "rule.biases.npy": as_array(np.zeros(0))}, "shapes of its arrays"),
        (lambda m: {**m, "rule.distance_quantiles.npy": as_array(-np.ones((3, 100)))}, "do not rise"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_reason(change: Callable[[Members], Members], said: str) -> None:
    members = take_apart(write_fitted(make_fitted()))
    with pytest.raises(InvalidRequest, match=said) as caught:
        read_fitted(put_together(change(members)))
    assert "repeat the run" in str(caught.value)


def test_claims_of_a_huge_array_allocate_nothing() -> None:
    members = take_apart(write_fitted(make_fitted()))
    for shape in ((2**40,), (2**40, 2**20), (-6,), (-2, -3)):
        stream = io.BytesIO()
        header = {"descr": "<f8", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        claim = stream.getvalue() + bytes(48)
        with pytest.raises(InvalidRequest, match="another size than its header says"):
            read_fitted(put_together({**members, MEANS: claim}))


def test_compressed_members_are_not_unpacked() -> None:
    members = take_apart(write_fitted(make_fitted()))
    with pytest.raises(InvalidRequest, match="compressed"):
        read_fitted(put_together({**members, "bomb.npy": bytes(10_000_000)}, ZIP_DEFLATED))


def test_a_file_that_is_too_large_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitted_file, "MAX_FILE_BYTES", 100)
    with pytest.raises(InvalidRequest, match="more than 100 bytes"):
        read_fitted(write_fitted(make_fitted()))


def test_a_member_that_lies_twice_in_the_file_is_refused() -> None:
    members = take_apart(write_fitted(make_fitted()))
    stream = io.BytesIO()
    with ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(MEANS, members[MEANS])
    with pytest.raises(InvalidRequest, match="two members have one name"):
        read_fitted(stream.getvalue())


def test_big_endian_arrays_are_written_as_little_endian() -> None:
    fitted = make_fitted()
    swapped = replace(fitted.rule, biases=fitted.rule.biases.astype(">f8"))
    assert write_fitted(replace(fitted, rule=swapped)) == write_fitted(fitted)
