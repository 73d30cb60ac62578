"""Putting unseen vectors into a run's clusters: the rules, their limits, and what is kept."""

from itertools import count as count_down
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from known import known
from octcluster_clusterer import tiles
from octcluster_clusterer.assignment import fit as assignment_rules
from octcluster_clusterer.assignment.assign import ClusterRule, FittedRun, Placements, assign
from octcluster_clusterer.assignment.fit import find_distances, fit_rules
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import CannotAssign, RunCancelled
from octcluster_clusterer.model import Preparation, VectorSpace
from octcluster_clusterer.preparation.prepare import prepare
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from threadpoolctl import threadpool_limits

PARTS = (20, 12)
SPACE = VectorSpace(bytes(32), sum(PARTS))
N_PATIENTS = 120


def draw_images(seed: int = 0, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors of several images of each patient, their groups of three, and their patients."""
    random = np.random.default_rng(seed)
    patients = np.sort(random.integers(0, N_PATIENTS, 900))
    groups = (np.arange(N_PATIENTS) % 3)[patients]
    centres = 2 * random.standard_normal((3, sum(PARTS)))
    offsets = 0.7 * random.standard_normal((N_PATIENTS, sum(PARTS)))[patients]
    noise = spread * random.standard_normal((900, sum(PARTS)))
    return (centres[groups] + offsets + noise).astype(np.float32), groups.astype(np.int32), patients


def fit(vectors: np.ndarray, *labels: np.ndarray, **options: Any) -> tuple[FittedRun, np.ndarray]:
    settings: dict[str, Any] = {"pca": 6, "whiten": True, "part_dimensions": PARTS, **options}
    groups = np.arange(len(vectors)) // 2
    prepared = prepare(
        MemoryBlocks(vectors.copy()), Preparation(**settings), groups, 0, lambda done, total: None
    )
    rules = fit_rules(prepared.blocks, labels, lambda: None)
    return FittedRun(known(prepared.fitted), known(rules)), prepared.blocks.bring(lambda: None)


def place(run: FittedRun, vectors: np.ndarray, result_index: int = 0) -> tuple[Placements, float]:
    """Where vectors belong, and how faithful the rule is."""
    fitted = run.result(result_index, SPACE)
    return fitted.assign(vectors), fitted.rule.fitted_agreement


def fit_one(vectors: np.ndarray, labels: np.ndarray) -> ClusterRule:
    (rule,) = known(fit_rules(MemoryBlocks(vectors), [labels.astype(np.int32)], lambda: None))
    return known(rule)


def find_margins(values: np.ndarray, values_of_means: np.ndarray) -> list[float]:
    """The least share of the lead that the mean of the best cluster has over another."""
    margins = []
    for own in values:
        best = int(own.argmax())
        of_mean = values_of_means[best]
        others = [other for other in range(len(own)) if other != best]
        shares = [(own[best] - own[other]) / (of_mean[best] - of_mean[other]) for other in others]
        margins.append(min(1.0, *shares))
    return margins


def test_unseen_patients_go_where_those_of_their_kind_are() -> None:
    vectors, groups, patients = draw_images()
    seen = patients < 0.8 * N_PATIENTS
    run, _ = fit(vectors[seen], groups[seen])
    fitted, agreement = place(run, vectors[seen])
    unseen, _ = place(run, vectors[~seen])
    assert np.mean(fitted.clusters == groups[seen]) == agreement > 0.97
    assert np.mean(unseen.clusters == groups[~seen]) > agreement - 0.03


def test_the_runs_own_members_give_the_fitted_agreement_exactly_one_by_one_and_on_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors, groups, _ = draw_images(spread=6.0)
    run, _ = fit(vectors, groups)
    whole, agreement = place(run, vectors)
    assert 0.3 < agreement < 0.95
    assert np.mean(whole.clusters == groups) == agreement
    monkeypatch.setattr(tiles, "_MAX_THREADS", 1)
    with threadpool_limits(limits=1):
        pieces = [place(run, vectors[i:j])[0] for i, j in pairwise((0, 1, 2, 300, 811, 900))]
        again, _ = fit(vectors, groups)
    for name, values in vars(whole).items():
        np.testing.assert_array_equal(np.concatenate([vars(piece)[name] for piece in pieces]), values)
    np.testing.assert_array_equal(known(again.rules[0]).weights, known(run.rules[0]).weights)


def test_the_nearest_mean_is_taken_where_it_is_what_the_run_did() -> None:
    vectors, _, _ = draw_images(spread=3.0)
    centres = vectors[[0, 300, 600]]
    for _ in range(100):
        labels = ((vectors[:, np.newaxis] - centres) ** 2).sum(axis=2).argmin(axis=1)
        centres = np.stack([vectors[labels == cluster].mean(axis=0) for cluster in range(3)])
    rule = fit_one(vectors, labels)
    assert rule.fitted_agreement == 1
    np.testing.assert_allclose(rule.means, centres, atol=1e-4)
    assigned = assign(rule, vectors)
    squares = ((vectors[:, np.newaxis] - centres) ** 2).sum(axis=2)
    np.testing.assert_allclose(assigned.distances, np.sqrt(squares.min(axis=1)), rtol=1e-4)
    squares_of_centres = ((centres[:, np.newaxis] - centres) ** 2).sum(axis=2)
    np.testing.assert_allclose(assigned.margins, find_margins(-squares, -squares_of_centres), atol=1e-3)


def test_stretched_clusters_get_the_linear_discriminant() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [500, 300, 100])
    vectors = random.standard_normal((900, 10)) @ np.diag([10, *[1] * 9])
    vectors[:, 1] += 3 * labels
    vectors = (vectors - vectors.mean(axis=0)).astype(np.float32)
    rule = fit_one(vectors, labels)
    # scikit-learn's shrinkage is the same: a share of a sphere of the same mean variance.
    reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=assignment_rules.SHRINKAGE)
    expected = reference.fit(vectors.astype(np.float64), labels).predict_proba(vectors)
    assigned = assign(rule, vectors)
    assert np.mean(assigned.clusters == expected.argmax(axis=1)) == pytest.approx(1, abs=0.005)
    means = np.stack([vectors[labels == cluster].mean(axis=0) for cluster in range(3)])
    expected_margins = find_margins(reference.decision_function(vectors), reference.decision_function(means))
    np.testing.assert_allclose(assigned.margins, expected_margins, atol=0.02)
    nearest = ((vectors[:, np.newaxis] - rule.means) ** 2).sum(axis=2).argmin(axis=1)
    assert rule.fitted_agreement > np.mean(nearest == labels) + 0.1


def test_margins_go_from_the_border_to_the_mean() -> None:
    vectors, groups, _ = draw_images()
    run, _ = fit(vectors, groups)
    rule = known(run.rules[0])
    middle = (rule.means[0] + rule.means[1]) / 2
    away = rule.means[0] - middle
    shares = np.array([0.001, 0.25, 0.5, 1.0, 1.5])
    assigned = assign(rule, (middle + shares[:, np.newaxis] * away).astype(np.float32))
    assert not assigned.clusters.any()
    np.testing.assert_allclose(assigned.margins, np.minimum(shares, 1), atol=1e-3)


def test_one_in_a_hundred_members_is_an_outlier_and_what_is_far_away_is_one() -> None:
    vectors, groups, _ = draw_images()
    run, prepared = fit(vectors, groups)
    assigned, _ = place(run, vectors)
    for cluster in range(3):
        own = assigned.outliers[(groups == cluster) & (assigned.clusters == cluster)]
        assert 0 < own.mean() <= 0.01
    far = assign(known(run.rules[0]), prepared[:5] + np.float32(100))
    assert far.outliers.all()


def test_distances_go_to_the_mean_of_the_own_cluster_and_noise_has_none() -> None:
    vectors, groups, _ = draw_images()
    labels = np.where(np.arange(900) % 10 == 0, -1, groups).astype(np.int32)
    found = find_distances(MemoryBlocks(vectors), labels, lambda: None)
    means = np.stack([vectors[labels == group].mean(axis=0, dtype=np.float64) for group in range(3)])
    expected = np.linalg.norm(vectors - means[groups], axis=1)
    assert np.array_equal(np.isnan(found), labels < 0)
    np.testing.assert_allclose(found[labels >= 0], expected[labels >= 0], rtol=1e-5)
    assert np.isnan(
        find_distances(MemoryBlocks(vectors), np.full(900, -1, dtype=np.int32), lambda: None)
    ).all()


def test_noise_belongs_to_no_cluster_and_counts_as_not_agreed() -> None:
    vectors, groups, _ = draw_images()
    labels = np.where(np.arange(900) % 10 == 0, -1, groups).astype(np.int32)
    run, _ = fit(vectors, labels, np.full(900, -1, dtype=np.int32))
    assigned, agreement = place(run, vectors)
    assert assigned.clusters.min() == 0
    assert 0.87 < agreement <= 0.9
    with pytest.raises(CannotAssign, match="all members are noise"):
        place(run, vectors, 1)


def test_one_cluster_takes_all() -> None:
    vectors, _, _ = draw_images()
    run, _ = fit(vectors, np.zeros(900, dtype=np.int32))
    assigned, agreement = place(run, vectors)
    assert agreement == 1
    assert not assigned.clusters.any()
    assert (assigned.margins == 1).all()


def test_identical_members_are_one_point() -> None:
    same = np.zeros((12, 4), dtype=np.float32)
    rule = fit_one(same, np.zeros(12))
    other = assign(rule, same[:1] + np.float32(0.1))
    assert rule.fitted_agreement == 1
    assert other.outliers.all()
    assert other.distances[0] == pytest.approx(0.2)
    points = np.repeat(np.eye(4, dtype=np.float32), 3, axis=0)
    rule = fit_one(points, np.repeat(np.arange(4), 3))
    assert rule.fitted_agreement == 1
    assert (assign(rule, points).margins == 1).all()


def test_clusters_of_one_member_each_have_no_covariance_and_get_the_nearest_mean() -> None:
    vectors = np.random.default_rng(0).standard_normal((40, 8)).astype(np.float32)
    labels = np.append(np.arange(39), 0).astype(np.int32)  # and one of two, whose mean is nearer to another
    rule = fit_one(vectors, labels)
    assert rule.fitted_agreement == 39 / 40
    found = assign(rule, vectors).clusters
    distances = np.square(vectors[:, np.newaxis] - rule.means).sum(axis=2)
    np.testing.assert_array_equal(found, distances.argmin(axis=1))


def test_rules_too_large_to_keep_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, groups, _ = draw_images()
    monkeypatch.setattr(assignment_rules, "MAX_RULES_BYTES", 2 * 4 * 3 * 32 - 1)
    assert fit_rules(MemoryBlocks(vectors), [groups], lambda: None) is None


def test_in_very_many_dimensions_the_nearest_mean_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, groups, _ = draw_images(spread=6.0)
    monkeypatch.setattr(assignment_rules, "MAX_DISCRIMINANT_DIMENSION", 31)
    rule = fit_one(vectors, groups)
    nearest = ((vectors[:, np.newaxis] - rule.means) ** 2).sum(axis=2).argmin(axis=1)
    assert rule.fitted_agreement == np.mean(nearest == groups)


def test_fitting_reports_every_thousand_members_and_can_be_stopped_at_each() -> None:
    vectors, groups, _ = draw_images()
    vectors, labels = np.tile(vectors, (6, 1)), np.tile(groups, 6)
    labels[::7] = (labels[::7] + 1) % 3  # so that the discriminant is tried, too
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    fit_rules(MemoryBlocks(vectors), [labels], count)
    n_blocks = -(-len(vectors) // 1024)
    # At least: the sums, the distances and the agreement of all, and the agreement without their folds.
    assert calls >= 4 * n_blocks

    def cancel() -> None:
        if next(counter) == 0:
            raise RunCancelled

    for call in range(0, calls, 10):
        counter = count_down(call, -1)
        with pytest.raises(RunCancelled):
            fit_rules(MemoryBlocks(vectors), [labels], cancel)
