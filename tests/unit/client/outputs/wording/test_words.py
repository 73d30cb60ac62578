"""What is said of a result must be true of it."""

from dataclasses import replace

import pytest
from octcluster.model.results import Association, Interval, Score
from octcluster.model.runs import Preparation
from octcluster.outputs.pages.rendering import format_cell
from octcluster.outputs.run.report.figures import describe_kept_variance, plot_variance
from octcluster.outputs.wording.trust import tabulate_audit
from octcluster.outputs.wording.words import describe_answer, format_interval, format_score, judge_silhouette
from outcomes import make_outcome, undefine


@pytest.mark.parametrize(
    ("silhouette", "said"),
    [
        (0.71, "strongly separated"),
        (0.51, "reasonably separated"),
        (0.26, "weakly separated"),
        (0.25, "no substantial structure"),
    ],
)
def test_a_silhouette_is_judged_by_the_published_limits(silhouette: float, said: str) -> None:
    assert said in judge_silhouette(silhouette, whitened=False)


@pytest.mark.parametrize("silhouette", [-0.1, 0.034, 0.3])
def test_a_silhouette_of_whitened_features_is_no_verdict(silhouette: float) -> None:
    said = judge_silhouette(silhouette, whitened=True)
    assert "serves only to compare clusterings" in said
    assert "separated" not in said
    assert "structure" not in said


def test_an_interval_without_width_is_not_told_as_certainty() -> None:
    outcome = make_outcome()
    scores = replace(outcome.chosen.scores, accuracy=Score(1.0, interval=Interval(1.0, 1.0)))
    answer = describe_answer(replace(outcome.chosen, scores=scores), outcome.class_sizes, whitened=False)
    (sentence,) = [said for said in answer if said.startswith("100.0%")]
    assert "100.0% to 100.0%" not in sentence
    assert "no interval: nearly all redraws gave the same" in sentence


def test_nothing_is_minus_zero() -> None:
    nearly_zero = Score(-0.0004, interval=Interval(-0.00001, -0.0))
    assert format_score(nearly_zero) == format_cell(-0.0004) == "0.000"
    assert format_interval(nearly_zero) == "0.000 to 0.000"
    assert format_score(Score(-0.0006)) == format_cell(-0.0006) == "-0.001"
    result = make_outcome().result.results[0]
    scores = replace(result.scores, silhouette=nearly_zero, adjusted_rand_index=nearly_zero)
    result = replace(result, scores=scores, associations=[Association("width", -1e-9, nearly_zero, 80)])
    said = " ".join(describe_answer(result, [20] * 4, whitened=True))
    assert "silhouette is 0.000" in said
    assert "Rand index is 0.000" in said
    assert tabulate_audit(result)[0][1:3] == ("0.000", "0.000")


def test_the_variance_that_the_kept_components_hold_is_said() -> None:
    result = replace(
        make_outcome().result, prepared_dimension=2, explained_variance_ratios=[0.5, 0.2, 0.1, 0.1]
    )
    kept = describe_kept_variance(result, Preparation(pca=2))
    assert kept == "Kept for the clustering: 2 components, which hold 70.0%."
    plot = plot_variance(result.explained_variance_ratios, kept)
    assert plot is not None
    assert plot.description.endswith(f"lines at 90%, 95% and 99%. {kept}")
    parts = Preparation(pca=1, part_dimensions=(3, 3))
    assert "hold at most 70.0%." in describe_kept_variance(result, parts)
    whole = replace(result, prepared_dimension=4)
    assert "4 components, which hold 90.0%." in describe_kept_variance(whole, replace(parts, pca=2))
    assert describe_kept_variance(result, Preparation()) == ""


def test_scores_of_clusters_of_one_image_each_are_no_proof() -> None:
    result = make_outcome().result.results[0]
    warning = "Each image is a cluster of its own"
    assert not any(warning in sentence for sentence in describe_answer(result, [20] * 4, whitened=True))
    alone = replace(result, clusters=4, cluster_sizes=[1] * 4)
    assert any(warning in sentence for sentence in describe_answer(alone, [1] * 4, whitened=True))
    some = replace(result, clusters=4, cluster_sizes=[40, 38, 1, 1])
    told = "2 clusters hold one image each: purity and homogeneity are higher for that alone."
    assert told in describe_answer(some, [20] * 4, whitened=True)
    one = replace(result, clusters=3, cluster_sizes=[40, 39, 1])
    told = "1 cluster holds one eye: purity and homogeneity are higher for that alone."
    assert told in describe_answer(one, [20] * 4, whitened=True, unit="eye")
    unlabelled = undefine(make_outcome(), "no image has a known class").result.results[0]
    one = replace(unlabelled, clusters=3, cluster_sizes=[40, 39, 1])
    assert not any("purity" in sentence for sentence in describe_answer(one, [], whitened=True))


def test_why_clusters_and_classes_cannot_be_compared_is_said() -> None:
    reason = "all images with a known class are of a single class"
    result = undefine(make_outcome(), reason).result.results[0]
    told = describe_answer(result, [80], whitened=True)
    assert f"How well the clusters match the known classes cannot be told: {reason}." in told
    assert not any("%" in sentence for sentence in told)
    assert not any("known classes" in sentence for sentence in describe_answer(result, [], whitened=True))
