"""scikit-learn's own checks of the clusterer, and more; a real clusterer does the work."""

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from octcluster import RECIPES, image_key
from octcluster.sklearn import ConsensusClusterer
from octcluster.sklearn.kept_clusterer import _KEPT, connected_clusterer
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

pytestmark = pytest.mark.heavy

# Arrays of other libraries than NumPy are checked only with SCIPY_ARRAY_API=1, and not offered.
_NOT_OFFERED = ("check_array_api_input",)


@parametrize_with_checks([ConsensusClusterer()])  # type: ignore[untyped-decorator]
def test_scikit_learn_finds_nothing(estimator: Any, check: Callable[[Any], None]) -> None:
    if check.func.__name__ in _NOT_OFFERED:  # type: ignore[attr-defined]
        return
    check(estimator)


@pytest.fixture(scope="module")
def blobs() -> Any:
    return make_blobs(90, 12, centers=3, cluster_std=0.5, random_state=0)


def test_grid_search_finds_the_number_of_clusters(blobs: Any) -> None:
    X, truth = blobs
    pipeline = make_pipeline(StandardScaler(), ConsensusClusterer(recipe="plain-1"))
    search = GridSearchCV(pipeline, {"consensusclusterer__n_clusters": [2, 3, 5]}, cv=2).fit(X)
    assert search.best_params_ == {"consensusclusterer__n_clusters": 3}
    assert adjusted_rand_score(truth, search.predict(X)) == 1


def test_a_pickled_fit_predicts_on_another_clusterer(blobs: Any) -> None:
    X, truth = blobs
    fitted = ConsensusClusterer(3).fit(X)
    assert adjusted_rand_score(truth, fitted.labels_) == 1
    assert fitted.fitted_agreement_ == 1
    again = pickle.loads(pickle.dumps(fitted))
    _KEPT.stop()
    np.testing.assert_array_equal(again.predict(X), fitted.labels_)


def test_a_choice_of_the_number(blobs: Any) -> None:
    X, _ = blobs
    fitted = ConsensusClusterer((2, 5)).fit(X)
    assert 2 <= fitted.n_clusters_ <= 5
    assert fitted.n_clusters_ == len(set(fitted.labels_))


def test_patients_decide_on_the_whitening(blobs: Any) -> None:
    """What differs within patients gets less weight: here, the only thing that tells two halves apart."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(60), 2)
    kind = patients % 2
    X = np.c_[kind * 2.0, np.tile([-6.0, 6.0], 60), np.zeros((120, 4))] + rng.normal(0, 0.3, (120, 6))
    whitened = ConsensusClusterer(2, recipe="consensus-2")
    assert adjusted_rand_score(kind, whitened.fit_predict(X, groups=[f"p{n}" for n in patients])) > 0.9
    assert adjusted_rand_score(kind, whitened.fit_predict(X)) < 0.5


def test_nothing_stays_on_the_clusterer(blobs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    X, _ = blobs
    monkeypatch.setattr("octcluster.sklearn.fitting.token_bytes", bytes)
    fitted = ConsensusClusterer(3).fit(X)
    fitted.predict(X)
    keys = [image_key(bytes(32) + vector.tobytes()) for vector in X.astype("<f4")]
    with connected_clusterer() as clusterer:
        assert clusterer.list_runs() == []
        assert clusterer.find_missing(fitted._space(), keys) == keys
        clusterer.put_vectors(fitted._space(), [(keys[0], X[0].astype("<f4").tobytes())])
        assert clusterer.find_missing(fitted._space(), keys) == keys[1:]
        clusterer.delete_vectors(keys)


def test_fits_at_the_same_time_do_not_take_each_others_vectors(blobs: Any) -> None:
    X, truth = blobs
    with ThreadPoolExecutor(4) as threads:
        fits = list(threads.map(lambda _: ConsensusClusterer(3, recipe="plain-1").fit(X), range(12)))
    assert {adjusted_rand_score(truth, fit.labels_) for fit in fits} == {1.0}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n_clusters": 0}, "n_clusters=0 is no number of clusters"),
        ({"n_clusters": (5, 2)}, "a choice goes from 2 or more"),
        ({"n_clusters": 91}, r"n_samples=90 should be >= n_clusters=91"),
        ({"parts": (6, 5)}, r"parts=\(6, 5\) are no parts of 12 features"),
    ],
)
def test_wrong_options_are_told_before_a_server_is_asked(blobs: Any, options: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ConsensusClusterer(**options, clusterer="127.0.0.1:1").fit(blobs[0])


def test_parts_are_prepared_apart(blobs: Any) -> None:
    X, truth = blobs
    fitted = ConsensusClusterer(3, recipe=RECIPES["consensus-3"], parts=(6, 6)).fit(X)
    assert adjusted_rand_score(truth, fitted.labels_) == 1
    np.testing.assert_array_equal(fitted.predict(X), fitted.labels_)


def test_another_clusterer_can_be_named(blobs: Any) -> None:
    X, _ = blobs
    kept = ConsensusClusterer(3).fit(X)
    named = ConsensusClusterer(3, clusterer=_KEPT.find()).fit(X)
    np.testing.assert_array_equal(named.labels_, kept.labels_)


def test_the_clusterer_is_started_again_when_it_died(blobs: Any) -> None:
    X, _ = blobs
    before = ConsensusClusterer(3).fit(X)
    stack = _KEPT._stack
    assert stack is not None
    stack._supervisor.kill()
    stack._supervisor.wait()
    stack._listener.join()
    np.testing.assert_array_equal(before.predict(X), before.labels_)
