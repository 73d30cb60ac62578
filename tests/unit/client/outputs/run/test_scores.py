"""scores.json: its keys, and a reason beside each score that is undefined."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from octcluster.model.results import Interval, Score
from octcluster.outputs.run.files import write_run_files
from octcluster.outputs.run.scores import format_scores
from octcluster.workflows.outcome import RunOutcome
from outcomes import add_trust, make_outcome, sample_silhouettes, search_in_buckets, undefine

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


def test_scores_have_the_keys_of_the_contract(tmp_path: Path) -> None:
    outcome = make_outcome(failed=2, ks=(2, 3, 4))
    write(outcome, tmp_path)
    scores = read_json(tmp_path / "scores.json")
    head = ["run_id", "result_id", "unit", "images", "failed", "space", "results", "chosen", "chosen_reason"]
    assert list(scores) == [*head, "duplicates", "patients"]
    assert (scores["images"], scores["failed"], scores["chosen"]) == (80, 2, 2)
    assert scores["space"] == outcome.space.digest.hex()
    head = ["algorithm", "k", "clusters", "noise"]
    scored = [key for name in SCORE_NAMES for key in (name, f"{name}_interval")]
    undefined = [key for name in ("rating", "stability") for key in (name, f"{name}_reason")]
    assert [list(result) for result in scores["results"]] == [
        [*head, *scored, "estimated", "sampled", "contingency", "associations", "seconds", *undefined]
    ] * 3
    assert all(result["accuracy_interval"] is None for result in scores["results"])
    assert all((result["stability"], result["associations"]) == (None, []) for result in scores["results"])
    assert scores["duplicates"] == {"threshold": 0.999, "total_pairs": 0, "exact": True, "pairs": []}
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


def test_an_estimate_is_called_one_with_its_sample() -> None:
    exact = json.loads(format_scores(make_outcome()))["results"][0]
    assert exact["estimated"] == {}
    sampled = json.loads(format_scores(sample_silhouettes(make_outcome())))["results"][0]
    assert sampled["estimated"] == {"silhouette": 40}


def test_clusters_of_a_sample_say_so() -> None:
    outcome = make_outcome()
    results = [replace(result, sampled_units=40) for result in outcome.result.results]
    joined = replace(outcome, result=replace(outcome.result, results=results))
    for one, sampled in ((joined, 40), (outcome, None)):
        assert {each["sampled"] for each in json.loads(format_scores(one))["results"]} == {sampled}


def test_a_search_in_buckets_says_how_many_pairs_it_finds() -> None:
    outcome = search_in_buckets(make_outcome(), Score(0.75, interval=Interval(0.5, 0.875), sampled_units=60))
    assert json.loads(format_scores(outcome))["duplicates"] == {
        "threshold": 0.999,
        "total_pairs": 0,
        "exact": False,
        "recall": 0.75,
        "recall_interval": [0.5, 0.875],
        "sampled_images": 60,
        "sampled_pairs": 8,
        "pairs_left_out": False,
        "pairs": [],
    }
    unknown = search_in_buckets(make_outcome(), Score(undefined_reason="none in the sample"))
    found = json.loads(format_scores(unknown))["duplicates"]
    assert (found["recall"], found["recall_interval"]) == (None, None)
    assert found["recall_reason"] == "none in the sample"


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
        "exact": True,
        "pairs": [
            {"image": names[0], "other_image": names[5], "similarity": 0.9999},
            {"image": names[1], "other_image": names[30], "similarity": 0.9995},
        ],
    }
    assert (tmp_path / "duplicates.csv").read_text() == (
        "image,other_image,similarity,result_id\n"
        f"{names[0]},{names[5]},0.999900,{outcome.result_id}\n"
        f"{names[1]},{names[30]},0.999500,{outcome.result_id}\n"
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
