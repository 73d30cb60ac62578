"""Spellings of one name, and slips."""

import pytest
from octcluster.images.naming.spellings import are_near, fold, is_missing, merge_spellings


@pytest.mark.parametrize(
    "spelling",
    [
        "cnv",
        "CNV ",
        " CNV",
        "\u00a0CNV",
        "C.N.V",
        "C N V",
        "CNV_",
        "\uff23\uff2e\uff36",
        "Cnv\u200b",
        "C-N-V",
    ],
)
def test_case_width_and_separators_do_not_count(spelling: str) -> None:
    assert fold(spelling) == "cnv"


@pytest.mark.parametrize(
    ("one", "other"),
    [("DME+", "DME-"), ("DME", "DME-"), ("DME", "DME+"), ("grade 1.1", "grade 11"), ("<5", ">5")],
)
def test_signs_and_numbers_do_count(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_accents_are_the_same_in_both_encodings() -> None:
    assert fold("O\u0308dem") == fold("\u00f6dem") != fold("odem")


@pytest.mark.parametrize(
    "value", ["", " ", "NA", "n/a", "-", "\u2013", "?", "None", "null", "NaN", "#N/A", "unknown", "."]
)
def test_values_that_say_nothing(value: str) -> None:
    assert is_missing(value)


@pytest.mark.parametrize("value", ["0", "no", "normal", "nano", "negative", "+", "N", "A"])
def test_values_that_say_something(value: str) -> None:
    assert not is_missing(value)


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("normal", "normla", True), ("dme", "dmes", True), ("drusen", "druzen", True), ("cnv", "cnvv", True),
        ("epiretinalmembrane", "epiretinalmembran", True), ("glaucoma", "glacoma", True),
        ("grade1", "grade2", False),
        ("stagei", "stageii", False), ("groupa", "groupb", False), ("cnv", "dme", False), ("a", "b", False),
        ("normal", "normal", False), ("dme+", "dme-", False), ("wetamd", "dryamd", False),
        ("glaucomatous", "nonglaucomatous", False), ("referable", "unreferable", False),
    ],
)  # fmt: skip
def test_slips_are_near(one: str, other: str, near: bool) -> None:
    assert are_near(one, other) is are_near(other, one) is near


def test_the_most_frequent_spelling_names_all_and_known_names_are_no_slips() -> None:
    found = merge_spellings(["cnv", "CNV", "CNV", "RVO", "CRVO", "RVOs"], {"rvo": "RVO", "crvo": "CRVO"})
    assert found.chosen == {"cnv": "CNV", "CNV": "CNV", "RVO": "RVO", "CRVO": "CRVO", "RVOs": "RVOs"}
    assert found.merged == {"CNV": ["cnv"]}
    assert found.near_misses == [("RVO", "RVOs")]
