"""The output files: their contracts, byte for byte where it matters."""

import csv
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from octcluster.images.image_set import ImageFile
from octcluster.model.results import Score
from octcluster.outputs.atomic_files import write_file
from octcluster.outputs.csv_tables import format_table
from octcluster.outputs.run.assignments import format_assignments
from octcluster.outputs.run.files import write_run_files
from octcluster.outputs.run.scores import format_scores
from octcluster.workflows.outcome import RunOutcome
from outcomes import add_trust, make_outcome, undefine

STARTED = datetime(2026, 5, 4, 3, 2, 1, 999, tzinfo=UTC)
SCORE_NAMES = [
    "silhouette", "accuracy", "ari", "ami", "nmi", "homogeneity", "completeness", "v_measure",
    "fowlkes_mallows", "purity",
]  # fmt: skip


def write(outcome: RunOutcome, folder: Path) -> None:
    write_run_files(outcome, folder, {"images": "scans", "k": (2, 5)}, STARTED)


def read_json(path: Path) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def rename(outcome: RunOutcome, *images: ImageFile) -> RunOutcome:
    """The outcome with other first members."""
    return replace(outcome, members=[*images, *outcome.members[len(images) :]])


def test_a_run_leaves_exactly_the_files_of_the_contract(tmp_path: Path) -> None:
    write(make_outcome(failed=2), tmp_path)
    names = {
        "assignments.csv",
        "assignments.parquet",
        "scores.json",
        "report.html",
        "run.json",
        "failures.csv",
    }
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_run_without_failures_removes_the_old_failures(tmp_path: Path) -> None:
    write(make_outcome(failed=1), tmp_path)
    write(make_outcome(), tmp_path)
    assert not (tmp_path / "failures.csv").exists()
    assert read_json(tmp_path / "scores.json")["failed"] == 0


def test_assignments_have_one_row_a_member_sorted_by_path(tmp_path: Path) -> None:
    outcome = make_outcome(failed=3, noise=True)
    write(outcome, tmp_path)
    content = (tmp_path / "assignments.csv").read_bytes()
    rows = list(csv.reader(content.decode().splitlines()))
    assert rows[0] == ["image", "cluster", "label", "patient", "silhouette"]
    names = [row[0] for row in rows[1:]]
    assert names == sorted(names) == [image.name for image in outcome.members]
    first = outcome.members[1]
    silhouette = outcome.assignments.silhouettes[1]
    assert rows[2] == [
        first.name,
        str(outcome.assignments.clusters[1]),
        first.label,
        first.patient,
        f"{silhouette:.6f}",
    ]
    assert next(row for row in rows if row[1] == "-1")[4] == ""
    assert b"\r" not in content
    assert content.endswith(b"\n")


def test_unknown_label_and_patient_are_empty(tmp_path: Path) -> None:
    outcome = rename(make_outcome(classes=()), ImageFile(tmp_path / "a.png", "a.png"))
    row = format_assignments(outcome).decode().splitlines()[1].split(",")
    assert (row[0], row[2], row[3]) == ("a.png", "", "")


def test_equal_outcomes_give_equal_bytes() -> None:
    assert format_assignments(make_outcome()) == format_assignments(make_outcome())
    assert format_scores(make_outcome()) == format_scores(make_outcome())


@pytest.mark.parametrize(
    ("silhouette", "written"),
    [(0.123456789, "0.123457"), (-1e-9, "0.000000"), (-0.5, "-0.500000"), (None, "")],
)
def test_silhouettes_have_six_decimals(silhouette: float | None, written: str) -> None:
    outcome = make_outcome()
    assignments = replace(outcome.assignments, silhouettes=[silhouette, *outcome.assignments.silhouettes[1:]])
    row = format_assignments(replace(outcome, assignments=assignments)).decode().splitlines()[1]
    assert row.rsplit(",", 1)[1] == written


@pytest.mark.parametrize(
    "name", ['a,"b".png', "=1+1.png", "line\nbreak.png", "carriage\rreturn.png", "é\u2028.png", " blank .png"]
)
def test_odd_names_survive_a_csv_reader(name: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(format_table(("image", "reason"), [(name, name)]))
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["image", "reason"], [name, name]]


def test_a_name_that_is_no_utf_8_keeps_its_bytes() -> None:
    name = os.fsdecode(b"caf\xe9.png")
    assert format_table(("image",), [(name,)]) == b"image\ncaf\xe9.png\n"


def test_scores_have_the_keys_of_the_contract(tmp_path: Path) -> None:
    outcome = make_outcome(failed=2, ks=(2, 3, 4))
    write(outcome, tmp_path)
    scores = read_json(tmp_path / "scores.json")
    head = ["images", "failed", "space", "results", "chosen", "chosen_reason"]
    assert list(scores) == [*head, "duplicates", "patients"]
    assert (scores["images"], scores["failed"], scores["chosen"]) == (80, 2, 2)
    assert scores["space"] == outcome.space.digest.hex()
    head = ["algorithm", "k", "clusters", "noise"]
    scored = [key for name in SCORE_NAMES for key in (name, f"{name}_interval")]
    undefined = [key for name in ("rating", "stability") for key in (name, f"{name}_reason")]
    assert [list(result) for result in scores["results"]] == [
        [*head, *scored, "contingency", "associations", "seconds", *undefined]
    ] * 3
    assert all(result["accuracy_interval"] is None for result in scores["results"])
    assert all((result["stability"], result["associations"]) == (None, []) for result in scores["results"])
    assert scores["duplicates"] == {"threshold": 0.999, "total_pairs": 0, "pairs": []}
    assert [result["k"] for result in scores["results"]] == [2, 3, 4]
    table = scores["results"][0]["contingency"]
    assert table["classes"] == ["CNV", "DME", "DRUSEN", "NORMAL"]
    assert table["clusters"] == [0, 1, 2, 3]
    assert sum(map(sum, table["counts"])) == 78


def test_ratings_are_told_where_the_run_chose_by_them(tmp_path: Path) -> None:
    write(make_outcome(ks=(2, 3, 4), ratings=(None, 1.25, None)), tmp_path)
    first, second, _ = read_json(tmp_path / "scores.json")["results"]
    assert (first["rating"], second["rating"]) == (None, 1.25)
    assert "one cluster less" in first["rating_reason"]
    assert "rating_reason" not in second


def test_an_algorithm_that_finds_its_own_number_has_no_k(tmp_path: Path) -> None:
    write(make_outcome(noise=True), tmp_path)
    result = read_json(tmp_path / "scores.json")["results"][1]
    assert (result["algorithm"], result["k"], result["noise"]) == ("hdbscan", None, 8)
    assert result["contingency"]["clusters"][0] == -1


def test_an_undefined_score_is_null_with_its_reason_and_never_zero(tmp_path: Path) -> None:
    write(undefine(make_outcome(classes=()), "there is one cluster only"), tmp_path)
    result = read_json(tmp_path / "scores.json")["results"][0]
    for name in SCORE_NAMES:
        assert result[name] is None
        assert result[f"{name}_reason"] == "there is one cluster only"
    assert result["contingency"] is None
    assert result["contingency_reason"] == "no image has a known class"


def test_a_score_that_is_not_finite_is_undefined() -> None:
    outcome = make_outcome()
    result = outcome.result.results[0]
    result = replace(result, scores=replace(result.scores, silhouette=Score(float("nan"))))
    outcome = replace(outcome, result=replace(outcome.result, results=[result]))
    scores = json.loads(format_scores(outcome))
    assert scores["results"][0]["silhouette"] is None
    assert "finite" in scores["results"][0]["silhouette_reason"]


def test_scores_say_how_far_to_trust_them(tmp_path: Path) -> None:
    outcome = add_trust(make_outcome())
    write(outcome, tmp_path)
    scores = read_json(tmp_path / "scores.json")
    result = scores["results"][0]
    assert result["accuracy_interval"] == [result["accuracy"] - 0.05, 0.875]
    assert result["stability"] == {"overall": 0.8125, "clusters": [0.9, 0.8, 0.7, 0.25], "resamples": 10}
    assert [association["name"] for association in result["associations"]] == [
        "class", "patient", "width", "white_border_share",
    ]  # fmt: skip
    assert result["associations"][2] == {
        "name": "width", "mutual_information": 0.625, "adjusted_mutual_information": 0.375, "images": 77,
    }  # fmt: skip
    names = [image.name for image in outcome.members]
    assert scores["duplicates"] == {
        "threshold": 0.999,
        "total_pairs": 2,
        "pairs": [
            {"image": names[0], "other_image": names[5], "similarity": 0.9999},
            {"image": names[1], "other_image": names[30], "similarity": 0.9995},
        ],
    }
    assert (tmp_path / "duplicates.csv").read_text() == (
        f"image,other_image,similarity\n{names[0]},{names[5]},0.999900\n{names[1]},{names[30]},0.999500\n"
    )
    write(make_outcome(), tmp_path)
    assert not (tmp_path / "duplicates.csv").exists()


def test_patients_on_both_sides_of_a_line_are_listed(tmp_path: Path) -> None:
    outcome = make_outcome()
    write(outcome, tmp_path)
    patients = read_json(tmp_path / "scores.json")["patients"]
    assert (patients["known"], patients["splits"], patients["in_several_splits"]) == (7, [], [])
    assert patients["in_several_classes"][0] == {
        "patient": "secret0",
        "classes": ["CNV", "DME", "DRUSEN", "NORMAL"],
    }


def test_run_record_says_how_to_repeat_it(tmp_path: Path) -> None:
    outcome = make_outcome(failed=2)
    write(outcome, tmp_path)
    record = read_json(tmp_path / "run.json")
    assert record["started"] == "2026-05-04T03:02:01Z"
    assert record["versions"] == dict(outcome.versions)
    assert (record["model"], record["weights_digest"]) == ("efficientnet-lite0", "ab" * 32)
    assert record["space"]["digest"] == outcome.space.digest.hex()
    assert record["space"]["dimension"] == 1280
    assert record["seed"] == 7
    assert record["run_id"] == "0f" * 16
    assert record["classes"] == ["CNV", "DME", "DRUSEN", "NORMAL"]
    assert (record["recipe"]["name"], record["recipe"]["features"]) == ("plain-1", "pooled")
    assert record["arguments"] == {"images": "scans", "k": [2, 5]}
    assert record["runtime"] == "openvino CPU"
    assert record["blas_kernels"] == "openblas 0.3.30 Haswell"
    assert record["counts"] == {
        "images": 80, "members": 78, "embedded": 75, "cached": 3, "failed": 2, "ignored_files": 2,
        "unlabelled": 0, "stray_label_rows": 0,
    }  # fmt: skip
    assert list(record["seconds_by_stage"]) == ["Reading", "Embedding"]


def test_failures_name_image_and_reason(tmp_path: Path) -> None:
    outcome = make_outcome(failed=1)
    write(outcome, tmp_path)
    rows = (tmp_path / "failures.csv").read_text(encoding="utf-8").splitlines()
    assert rows == ["image,reason", f"{outcome.failures[0].image.name},{outcome.failures[0].reason}"]


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_file(path, b"old")
    with pytest.raises(TypeError):
        write_file(path, "text is no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way_is_an_error_and_leaves_no_rest(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OSError, match=r"a\.txt"):
        write_file(tmp_path / "a.txt", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
