"""Two runs side by side."""

from dataclasses import replace

import numpy as np
import pytest
from made_results import write_result
from octcluster.explorer.comparison import NOT_THERE, compare, describe_missing
from octcluster.explorer.result import Result, read_result
from octcluster.model.errors import InvalidArguments


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return read_result(str(write_result(tmp_path_factory.mktemp("run") / "run")))


def test_clusters_of_other_numbers_are_partners(result: Result) -> None:
    other = replace(result, clusters=((result.clusters + 1) % 4).astype(np.int32))
    found = compare(result, other)
    assert sorted(found.partners) == [(0, 1), (1, 2), (2, 3), (3, 0)]
    assert (found.changed, found.missing, describe_missing(found)) == (0, 0, "")
    assert sum(map(sum, found.counts)) == 80


def test_images_that_changed_and_that_are_missing_are_counted(result: Result) -> None:
    clusters = result.clusters.copy()
    moved = np.flatnonzero(clusters == 0)[:2]
    clusters[moved] = -1
    other = replace(
        result, clusters=clusters[:70], names=result.names[:70], image_keys=result.image_keys[:70]
    )
    found = compare(result, other)
    assert (found.missing, found.other_clusters) == (10, [-1, 0, 1, 2, 3])
    assert describe_missing(found) == (
        "10 of 80 images are not in the other run: the comparison is of the 70 images that both have"
    )
    assert found.changed == np.count_nonzero(moved < 70)
    assert found.others.tolist() == [*clusters[:70].tolist(), *[NOT_THERE] * 10]


def test_images_under_another_secret_are_known_by_their_names(result: Result) -> None:
    other = replace(result, key_check="other", image_keys=["0" * 64] * 80)
    assert compare(result, other).changed == 0
    with pytest.raises(InvalidArguments, match="have no image in common: compare runs of the same images"):
        compare(result, replace(result, image_keys=[f"{row:064x}" for row in range(80)]))
