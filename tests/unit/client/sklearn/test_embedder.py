"""The embedder of scikit-learn, as far as it starts no server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from octcluster import InvalidImageSet
from octcluster.sklearn import OctEmbedder
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import check_estimator

# Those that need no input: scikit-learn has no images for the others, and says so.
_OF_THE_INTERFACE = (
    checks.check_estimator_cloneable,
    checks.check_estimator_repr,
    checks.check_estimator_tags_renamed,
    checks.check_get_params_invariance,
    checks.check_no_attributes_set_in_init,
    checks.check_parameters_default_constructible,
    checks.check_set_params,
    checks.check_valid_tag_types,
)


@pytest.mark.parametrize("check", _OF_THE_INTERFACE)
def test_scikit_learn_finds_nothing(check: Callable[[str, Any], None]) -> None:
    check("OctEmbedder", OctEmbedder())


@pytest.mark.filterwarnings("ignore:Can't test estimator OctEmbedder which requires input")
def test_scikit_learn_has_no_check_of_images() -> None:
    assert [one["check_name"] for one in check_estimator(OctEmbedder())] == ["check_estimator_cloneable"]


def test_what_is_no_list_of_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidImageSet, match="is one path: give the paths of images one by one"):
        OctEmbedder().fit(tmp_path)


def test_it_is_not_fitted_before_it_has_seen_images() -> None:
    with pytest.raises(NotFittedError):
        OctEmbedder().transform(["a.png"])
