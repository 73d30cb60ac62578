"""The leak check, and what is said of stability, nuisances and leaks."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from known import known
from octcluster.images.image_set import Scan
from octcluster.images.leaks import add_copies, find_leaks
from octcluster.model.results import Association, ClusteringResult, Duplicates, Interval, NearDuplicate, Score
from octcluster.model.runs import Preparation
from octcluster.outputs.pages import ReportOptions
from octcluster.outputs.run.brief import tell_run
from octcluster.outputs.run.report import format_report
from octcluster.outputs.run.report.facts import list_facts
from octcluster.outputs.wording.leaks import describe_leaks
from octcluster.outputs.wording.trust import (
    describe_audit,
    describe_stability,
    describe_unused_patients,
    judge_cluster,
    summarize_trust,
)
from octcluster.workflows.outcome import RunOutcome
from outcomes import add_trust, make_outcome, search_in_buckets

NO_PAIR = "There are no duplicates or near-duplicates."


def image(name: str, label: str | None = None, patient: str | None = None) -> Scan:
    split = name.partition("/")[0]
    return Scan(Path("/data"), name, label, patient, split=split if split in ("train", "test") else None)


def pairs(*indices: tuple[int, int]) -> Duplicates:
    return Duplicates([NearDuplicate(*pair, 0.9995) for pair in indices], len(indices), 0.999)


def result_with(**adjusted: float) -> ClusteringResult:
    chosen = make_outcome().result.results[0]
    return replace(chosen, associations=[Association(name, v, Score(v), 80) for name, v in adjusted.items()])


def test_leaks_are_found() -> None:
    members = [
        image("train/CNV/0.png", "CNV", "a"),
        image("test/CNV/1.png", "CNV", "a"),
        image("train/DME/2.png", "DME", "a"),
        image("train/DME/3.png", "DME", "b"),
        image("train/4.png"),
    ]
    leaks = find_leaks(members, pairs((0, 1), (0, 2), (2, 3), (3, 4)))
    assert (leaks.patients, leaks.splits) == (2, ["test", "train"])
    assert leaks.patients_in_classes == {"a": ["CNV", "DME"]}
    assert leaks.patients_in_splits == {"a": ["test", "train"]}
    assert (leaks.pairs_across_patients, leaks.pairs_across_classes, leaks.pairs_across_splits) == (1, 1, 1)


def test_leaks_in_words_count_and_name_nobody() -> None:
    members = [
        image("train/0.png", "CNV", "ann"),
        image("test/1.png", "DME", "ann"),
        image("test/2.png", "CNV", "bob"),
    ]
    duplicates = pairs((0, 1), (1, 2))
    text = " ".join(describe_leaks(find_leaks(members, duplicates), duplicates))
    assert "1 patient of 2 has images in more than one class." in text
    assert "1 patient of 2 has images in more than one split." in text
    assert (
        "There are 2 pairs of duplicates or near-duplicates (1 across patients, 2 across classes, "
        "1 across splits)" in text
    )
    assert "ann" not in text
    assert "png" not in text


def test_copies_come_before_near_duplicates() -> None:
    found = add_copies(pairs((1, 3)), [b"a", b"b", b"a", b"c", b"a"])
    assert found.pairs == [NearDuplicate(0, 2, 1.0), NearDuplicate(0, 4, 1.0), NearDuplicate(1, 3, 0.9995)]
    assert found.total_pairs == 3


@pytest.mark.parametrize("found", [True, False])
def test_a_search_that_did_not_compare_all_pairs_says_so(found: bool) -> None:
    recall = Score(0.75, interval=Interval(0.5, 0.875), sampled_units=60)
    outcome = add_trust(make_outcome()) if found else make_outcome()
    text = " ".join(tell_run(search_in_buckets(outcome, recall)))
    says = (
        "There are at least 2 pairs of duplicates"
        if found
        else "No duplicates or near-duplicates were found."
    )
    assert says in text
    assert (
        "The search finds \N{ALMOST EQUAL TO}0.750 of the near-duplicates (95% interval 0.500 to 0.875), as "
        "estimated from 8 pairs of a random sample of 60 images."
    ) in text
    assert "left out" not in text
    unknown = " ".join(tell_run(search_in_buckets(outcome, Score(undefined_reason="no pair"), exceeded=True)))
    assert "is not known: a random sample of 60 images has none." in unknown
    assert "it left out pairs among them" in unknown
    assert "not all pairs" not in " ".join(tell_run(outcome))


def test_no_leak_is_said_too() -> None:
    members = [image("0.png", "CNV", "a"), image("1.png", "DME", "b"), image("2.png", "DME", "b")]
    assert describe_leaks(find_leaks(members, pairs()), pairs()) == [
        "None of the 2 patients has images in more than one class.",
        NO_PAIR,
    ]
    unknown, _ = describe_leaks(find_leaks([image("0.png")], pairs()), pairs())
    assert unknown.startswith("No patient is known")


def test_patients_of_one_image_each_are_no_proof_that_nothing_leaks() -> None:
    members = [image("train/0.png", "CNV", "a"), image("test/1.png", "DME", "b")]
    assert describe_leaks(find_leaks(members, pairs()), pairs()) == [
        "No patient has several images, so none can have them in more than one class or split.",
        NO_PAIR,
    ]


def test_nothing_is_said_of_classes_or_splits_that_are_not_known() -> None:
    members = [image("0.png", None, "a"), image("1.png", None, "b")]
    assert describe_leaks(find_leaks(members, pairs()), pairs()) == [NO_PAIR]
    members = [image(f"train/{name}.png", None, "a") for name in "ab"] + [image("test/1.png", None, "b")]
    sentence, _ = describe_leaks(find_leaks(members, pairs()), pairs())
    assert sentence == "None of the 2 patients has images in more than one split."


def test_a_nuisance_that_tells_more_than_the_class_is_warned_of_first() -> None:
    first, second = describe_audit(
        result_with(**{"class": 0.3, "width": 0.2, "brightness": 0.5, "height": 0.05})
    )
    assert first.startswith("The mean brightness explains the clusters better than the class does")
    assert "(AMI 0.50, the class 0.30)" in first
    assert second.startswith("The width explains the clusters, too")


def test_no_warning_where_the_class_tells_most() -> None:
    (sentence,) = describe_audit(result_with(**{"class": 0.8, "width": 0.2, "patient": 0.35}))
    assert sentence == "No image property explains the clusters (strongest: width, AMI 0.20)."


def test_patients_are_warned_of_only_if_they_tell_more_than_the_class() -> None:
    assert (
        "The patient explains the clusters better than the class does"
        in describe_audit(result_with(**{"class": 0.2, "patient": 0.3}))[0]
    )
    assert describe_audit(result_with(patient=0.3)) == []


def test_without_classes_a_nuisance_is_warned_of_by_itself() -> None:
    (sentence,) = describe_audit(result_with(width=0.3))
    assert "clusters of devices or exports" in sentence
    assert describe_audit(result_with()) == []


def test_low_stability_is_not_called_wrong() -> None:
    chosen = add_trust(make_outcome()).result.results[0]
    unsure = replace(chosen, stability=replace(known(chosen.stability), overall=Score(0.517)))
    said = known(describe_stability(unsure, 500, of_patients=True))
    assert "agree only in part: take them as a hint." in said
    assert "how sure clusters are, not how right" in said
    assert "not how right" not in known(describe_stability(chosen, 500, of_patients=True))
    of_sample = replace(known(chosen.stability).overall, sampled_units=131_000)
    sampled = replace(chosen, stability=replace(known(chosen.stability), overall=of_sample))
    said = known(describe_stability(sampled, 500, of_patients=True))
    assert "random parts of the patients, drawn from a sample with 131,000 images, clustered again" in said


def test_few_images_that_cluster_alike_are_no_proof() -> None:
    chosen = add_trust(make_outcome()).result.results[0]
    assert "fewer than 100 images that says little" in known(describe_stability(chosen, 99, of_patients=True))
    assert "says little" not in known(describe_stability(chosen, 100, of_patients=True))


@pytest.mark.parametrize(
    ("similarity", "overall", "said"),
    [
        (0.89, 0.95, "nearly the same images each time"),
        (0.89, 0.75, "mostly the same images, because the clusters as a whole do not reappear better"),
        (0.89, 0.569, "a pattern, but doubtful which images belong to it, because the clusters as a whole"),
        (0.89, 0.2, "may be chance, because the clusters as a whole do not reappear better"),
        (0.62, 0.95, "a pattern, but doubtful which images belong to it"),
        (0.2, 0.2, "may be chance"),
        (0.89, None, "nearly the same images each time"),
    ],
)
def test_no_cluster_is_called_surer_than_all_of_them(
    similarity: float, overall: float | None, said: str
) -> None:
    assert judge_cluster(similarity, overall).startswith(said)
    assert ("as a whole" in judge_cluster(similarity, overall)) == ("as a whole" in said)


def test_unknown_stability_says_why() -> None:
    chosen = add_trust(make_outcome()).result.results[0]
    unknown = replace(known(chosen.stability), overall=Score(undefined_reason="there are 3 images"))
    assert (
        describe_stability(replace(chosen, stability=unknown), 500, of_patients=True)
        == "Its stability is unknown: there are 3 images."
    )
    assert describe_stability(make_outcome().result.results[0], 500, of_patients=True) is None


def test_the_summary_is_short() -> None:
    outcome = add_trust(make_outcome())
    duplicates = outcome.result.duplicates
    lines = summarize_trust(
        outcome.result.results[0], 500, find_leaks(outcome.members, duplicates), duplicates
    )
    assert [line.split()[:2] for line in lines] == [
        ["Stability", "0.812:"],
        ["The", "width"],
        ["7", "patients"],
        ["There", "are"],
    ]
    split = [image("train/0.png", None, "a"), image("test/1.png", None, "a")]
    found = pairs((0, 1))
    lines = summarize_trust(make_outcome().result.results[0], 2, find_leaks(split, found), found)
    assert lines == [
        "1 patient of 1 has images in more than one split; scores.json lists them.",
        "There is 1 pair of duplicates or near-duplicates (1 across splits); duplicates.csv lists them.",
    ]


WITHIN = Preparation(pca=48, whiten=True, part_dimensions=(100, 200), whiten_within_patients=True)


def made(preparation: Preparation, dimension: int, *, known: bool) -> RunOutcome:
    outcome = add_trust(make_outcome())
    members = [replace(image, patient=image.patient if known else None) for image in outcome.members]
    result = replace(outcome.result, prepared_dimension=dimension)
    return replace(
        outcome, spec=replace(outcome.spec, preparation=preparation), members=members, result=result
    )


def test_what_needs_patients_is_not_said_to_be_done_without_them() -> None:
    outcome = made(WITHIN, 96, known=False)
    leaks = find_leaks(outcome.members, pairs())
    (stability, *_) = summarize_trust(outcome.result.results[0], 500, leaks, pairs())
    assert "10 random parts of the images, clustered again" in stability
    (advice,) = describe_unused_patients(WITHIN, outcome.members)
    assert "<disease>-<patient>-<number>" in advice
    assert "not whitened within patients" in dict(list_facts(outcome))["preparation"]
    assert describe_unused_patients(replace(WITHIN, whiten_within_patients=False), outcome.members) == []


def test_what_is_done_with_patients_is_said() -> None:
    outcome = made(WITHIN, 96, known=True)
    assert describe_unused_patients(WITHIN, outcome.members) == []
    preparation = dict(list_facts(outcome))["preparation"]
    assert "PCA to 48 components of each of 2 parts, whitened, whitened within patients who" in preparation
    alone = [image("0.png", None, "a"), image("1.png", None, "b"), image("2.png")]
    assert describe_unused_patients(WITHIN, alone) == [
        "No patient has several images, so nothing was whitened within patients."
    ]


def test_components_are_counted_where_there_are_fewer_than_asked_for() -> None:
    facts = dict(list_facts(made(WITHIN, 32, known=True)))
    assert (
        "PCA to at most 48 components of each of 2 parts, of which there are 32 in all"
        in (facts["preparation"])
    )


def test_the_report_says_where_leaking_patients_are_listed_and_names_them_only_if_asked() -> None:
    outcome = add_trust(make_outcome())
    started = datetime(2026, 1, 2, tzinfo=UTC)
    pseudonymous = format_report(outcome, started).decode()
    assert "in more than one class; scores.json lists them." in pseudonymous
    assert "patients-table" not in pseudonymous
    named = format_report(outcome, started, ReportOptions(identified=True)).decode()
    assert "in more than one class; the table below and scores.json list them." in named
    assert (
        "secret3" in named.split("<caption>Patients in several classes or splits", 1)[1].split("</table>")[0]
    )


def test_properties_of_which_nothing_can_be_told_are_not_called_innocent() -> None:
    unknown = Score(undefined_reason="no two images share a cluster")
    result = make_outcome().result.results[0]
    result = replace(result, associations=[Association("width", 0.5, unknown, 80)])
    assert describe_audit(result) == [
        "Whether an image property explains the clusters cannot be told: no two images share a cluster."
    ]
