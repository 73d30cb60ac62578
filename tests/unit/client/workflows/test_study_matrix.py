"""The matrix of a study: what the built-in one holds, how one is cut into runs, and what is refused."""

from pathlib import Path

from octcluster.workflows.study_file import read_matrix
from small_matrix import SMALL, read


def test_the_built_in_matrix_holds_every_experiment_of_the_study() -> None:
    matrix = read_matrix(None)
    cells = {
        (part.feature_set.model, part.feature_set.features, part.preparation_name, algorithm, k)
        for part in matrix.parts
        for algorithm, k in part.cells({"hdbscan"})
    }
    for k in range(2, 7):
        for preparation in ("as they are", "PCA 95%", "PCA 95% whitened"):
            assert ("pixels", "pixels", preparation, "kmeans", k) in cells
        assert ("pixels", "pixels", "PCA 95%", "spectral", k) in cells
        assert ("pixels", "pixels", "PCA 95%", "gmm", k) in cells
    for model in ("efficientnet-lite0", "efficientnet-b0"):
        for algorithm in ("kmeans", "gmm"):
            assert (model, "flatten", "PCA 99%", algorithm, 4) in cells
    for model in ("vgg16", "resnet50", "inception-v3"):
        assert (model, "pooled", "PCA 99%", "kmeans", 4) in cells
    assert ("efficientnet-lite0", "blocks", "consensus-3", "uneven-consensus", 4) in cells
    assert {"hdbscan", "agglomerative"} <= {algorithm for *_, algorithm, _ in cells}
    assert all(not part.preparation.l2_normalize for part in matrix.parts[:-1])


def test_every_published_figure_stands_beside_a_cell() -> None:
    matrix = read_matrix(None)
    beside = {
        (published.source, k)
        for published in matrix.published
        for part in matrix.parts
        for algorithm, k in part.cells({"hdbscan"})
        if published.stands_beside(part, algorithm, k)
    }
    assert len(beside) == 5 + 5 + 1
    assert all(sum(map(sum, published.counts)) == 4000 for published in matrix.published if published.counts)


def test_what_shares_features_and_preparation_is_one_run(tmp_path: Path) -> None:
    more = """
[[experiments]]
features = ["grey"]
preparations = ["reduced"]
algorithms = ["gmm", "hdbscan"]
k = "2:3"

[[experiments]]
model = "efficientnet-lite0"
recipe = "consensus-2"
k = 4
"""
    matrix = read(tmp_path, SMALL + more)
    assert [part.algorithms for part in matrix.parts] == [
        ("kmeans",),
        ("kmeans", "gmm", "hdbscan"),
        ("consensus",),
    ]
    assert matrix.parts[1].cells({"hdbscan"}) == [
        ("kmeans", 2),
        ("kmeans", 3),
        ("gmm", 2),
        ("gmm", 3),
        ("hdbscan", None),
    ]
    assert matrix.models == ["pixels", "efficientnet-lite0"]
    assert matrix.parts[2].feature_set.flip is True
