"""Two runs side by side."""

from dataclasses import replace

import numpy as np
import pytest
from made_results import write_result
from octcluster.explorer.acts import NameGroup
from octcluster.explorer.comparison import NOT_THERE, compare, describe_missing, name_runs
from octcluster.explorer.exports import write_names
from octcluster.explorer.groups import Groups, perform
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


def test_runs_are_told_apart_and_names_of_clusters_are_kept(result: Result) -> None:
    other = replace(result, started="2026-05-05T04:03:02Z")
    groups, _ = perform(Groups.of_clusters(result.clusters), NameGroup(group="c1", name="Edema"))
    write_names(result, groups)
    found = compare(result, other)
    assert name_runs(found, identified=False) == (
        "this run (4 clusters, 2026-05-04 03:02 UTC)",
        "the other run (4 clusters, 2026-05-05 04:03 UTC)",
    )
    assert name_runs(found, identified=True)[1] == "run (4 clusters, 2026-05-05 04:03 UTC)"
    assert found.other_names == {1: "Edema"}


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
